// Limits and figures.
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

#include "kernel/exit.h"
#include "kernel/privilege.h"
#include "kernel/process_table.h"
#include "syscall/cpu_times.h"
#include "syscall/handlers.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

using std::chrono::nanoseconds;

/// Linux: sysctl_nr_open.
constexpr std::uint64_t kMostDescriptors = 1 << 20;

/// i386's, where all ones mean no limit (Linux: struct compat_rlimit).
using NarrowLimit = std::array<std::uint32_t, 2>;

Result<ResourceLimit> load_limit(Call& call, VirtAddr from) {
  if (!call.is_i386()) return call.memory().load<ResourceLimit>(from);
  GONZO_ASSIGN(const auto narrow, call.memory().load<NarrowLimit>(from));
  const auto widen = [](std::uint32_t value) -> std::uint64_t {
    return value == ~0U ? kUnlimited : value;
  };
  return ResourceLimit{widen(narrow[0]), widen(narrow[1])};
}

Result<void> store_limit(Call& call, VirtAddr to, const ResourceLimit& limit) {
  if (!call.is_i386()) return call.memory().store(to, limit);
  // The first getrlimit had signed limits.
  const std::uint64_t most = call.layout == Layout::kI386 ? INT32_MAX : UINT32_MAX;
  const auto narrow = [most](std::uint64_t value) {
    return static_cast<std::uint32_t>(std::min(value, most));
  };
  return call.memory().store(to, NarrowLimit{narrow(limit.soft), narrow(limit.hard)});
}

/// i386's struct sysinfo, in units of a page so that it fits (Linux: compat_sys_sysinfo).
struct NarrowSysinfo {
  std::uint32_t uptime;
  std::array<std::uint32_t, 3> loads;
  std::uint32_t total, free, shared, buffers, total_swap, free_swap;
  std::uint16_t processes, padding;
  std::uint32_t total_high, free_high, unit;
  std::array<std::byte, 8> unused;

  static NarrowSysinfo of(const struct sysinfo& info) {
    const bool fits = (info.totalram >> 32) == 0 && (info.totalswap >> 32) == 0;
    const std::uint64_t unit = fits ? 1 : kPageSize;
    const auto scaled = [unit](std::uint64_t bytes) {
      return static_cast<std::uint32_t>(bytes / unit);
    };
    return {.uptime = static_cast<std::uint32_t>(info.uptime),
            .loads = {static_cast<std::uint32_t>(info.loads[0]),
                      static_cast<std::uint32_t>(info.loads[1]),
                      static_cast<std::uint32_t>(info.loads[2])},
            .total = scaled(info.totalram),
            .free = scaled(info.freeram),
            .shared = scaled(info.sharedram),
            .buffers = scaled(info.bufferram),
            .total_swap = scaled(info.totalswap),
            .free_swap = scaled(info.freeswap),
            .processes = info.procs,
            .padding = 0,
            .total_high = scaled(info.totalhigh),
            .free_high = scaled(info.freehigh),
            .unit = static_cast<std::uint32_t>(unit),
            .unused = {}};
  }
};
static_assert(sizeof(NarrowSysinfo) == 64);

Result<void> change_limit(Process& process, unsigned resource, const ResourceLimit& wanted) {
  const ResourceLimit limit = process.limits()[resource];
  if (wanted.soft > wanted.hard) return fail(Errno::kInval);
  if (resource == RLIMIT_NOFILE && wanted.hard > kMostDescriptors) return fail(Errno::kPerm);
  if (wanted.hard > limit.hard && !has_capability(CAP_SYS_RESOURCE)) return fail(Errno::kPerm);
  process.set_limit(resource, wanted);
  return {};
}

/// `wanted` and `out` are arguments; 0 behind them: not asked.
std::int64_t limit_call(Call& call, Process& process, unsigned resource, VirtAddr wanted,
                        VirtAddr out) {
  if (resource >= kResourceLimits) return -EINVAL;
  const ResourceLimit before = process.limits()[resource];
  if (wanted.value != 0) {
    const auto limit = load_limit(call, wanted);
    if (!limit) return raw(limit.error());
    if (auto changed = change_limit(process, resource, *limit); !changed) {
      return raw(changed.error());
    }
  }
  return out.value != 0 ? raw(store_limit(call, out, before)) : 0;
}

}  // namespace

std::int64_t sys_getrlimit(Call& call) {
  if (call.is_null(1)) return call.word(0) < kResourceLimits ? -EFAULT : -EINVAL;
  return limit_call(call, call.process(), call.word(0), VirtAddr(), call.address(1));
}

std::int64_t sys_setrlimit(Call& call) {
  if (call.is_null(1)) return -EFAULT;
  return limit_call(call, call.process(), call.word(0), call.address(1), VirtAddr());
}

/// ESRCH; EPERM: another user's (Linux: check_prlimit_permission).
std::int64_t sys_prlimit64(Call& call) {
  const int id = call.integer(0);
  const auto task = id != 0 ? call.processes().find_task(id) : nullptr;
  const auto other = task != nullptr ? task->process().shared_from_this()
                     : id != 0       ? call.processes().find(id)
                                     : call.process().shared_from_this();
  if (other == nullptr) return -ESRCH;
  if (other.get() != &call.process()) {
    const Credentials caller = call.task.credentials();
    const Credentials owner =
        task != nullptr ? task->credentials() : other->ended_leader().credentials;
    if (!caller.is_user(owner) && !caller.has(CAP_SYS_RESOURCE)) return -EPERM;
  }
  return limit_call(call, *other, call.word(1), call.address(2), call.address(3));
}

std::int64_t sys_getrusage(Call& call) {
  constexpr int kThread = 1;
  rusage usage{};
  switch (call.integer(0)) {
    case RUSAGE_SELF:
    case kThread: {
      Usage used = usage_of(call.process());
      if (call.integer(0) == kThread) {
        const CpuTime time = call.task.cpu_time();
        used.user = time.user;
        used.system = time.system;
      }
      usage = to_rusage(used);
      rusage runner{};
      getrusage(RUSAGE_THREAD, &runner);
      usage.ru_inblock = runner.ru_inblock;
      usage.ru_oublock = runner.ru_oublock;
      usage.ru_nvcsw = runner.ru_nvcsw;
      usage.ru_nivcsw = runner.ru_nivcsw;
      break;
    }
    case RUSAGE_CHILDREN:
      usage = to_rusage(call.processes().children_usage(call.process().pid()));
      break;
    default:
      return -EINVAL;
  }
  return raw(store_longs(call, call.address(1), usage));
}

std::int64_t sys_times(Call& call) {
  constexpr nanoseconds kTick = std::chrono::milliseconds(10);  // USER_HZ: 100
  if (!call.is_null(0)) {
    const Usage own = usage_of(call.process());
    const Usage children = call.processes().children_usage(call.process().pid());
    const tms times{.tms_utime = own.user / kTick,
                    .tms_stime = own.system / kTick,
                    .tms_cutime = children.user / kTick,
                    .tms_cstime = children.system / kTick};
    if (auto stored = store_longs(call, call.address(0), times); !stored) {
      return raw(stored.error());
    }
  }
  tms unused;
  return ::times(&unused);
}

std::int64_t sys_sysinfo(Call& call) {
  struct sysinfo info{};
  if (::sysinfo(&info) != 0) return -errno;
  const FrameStats frames = call.process().system().frames().stats();
  info.totalram = frames.total * kPageSize;
  info.freeram = frames.free * kPageSize;
  info.sharedram = info.bufferram = 0;
  info.totalswap = info.freeswap = 0;
  if (const SwapSpace* swap = call.process().system().swap()) {
    info.totalswap = swap->totals().slots * kPageSize;
    info.freeswap = swap->totals().free * kPageSize;
  }
  info.totalhigh = info.freehigh = 0;
  info.procs = static_cast<std::uint16_t>(call.processes().task_count());
  info.mem_unit = 1;
  return call.is_i386() ? raw(call.memory().store(call.address(0), NarrowSysinfo::of(info)))
                        : raw(call.memory().store(call.address(0), info));
}

}  // namespace gonzo
