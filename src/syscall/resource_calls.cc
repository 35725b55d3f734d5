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

#include "kernel/privilege.h"
#include "syscall/handlers.h"

namespace gonzo {

namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

/// Linux: sysctl_nr_open.
constexpr std::uint64_t kMostDescriptors = 1 << 20;

Result<void> change_limit(Call& call, unsigned resource, const ResourceLimit& wanted) {
  ResourceLimit& limit = call.process().limits()[resource];
  if (wanted.soft > wanted.hard) return fail(Errno::kInval);
  if (resource == RLIMIT_NOFILE && wanted.hard > kMostDescriptors) return fail(Errno::kPerm);
  if (wanted.hard > limit.hard && !has_capability(CAP_SYS_RESOURCE)) return fail(Errno::kPerm);
  limit = wanted;
  if (resource == RLIMIT_NOFILE) {
    call.files().set_limit(static_cast<unsigned>(std::min(wanted.soft, kMostDescriptors)));
  }
  call.process().update_memory_limits();
  return {};
}

/// `wanted` and `out` are arguments; 0 behind them: not asked.
std::int64_t limit_call(Call& call, unsigned resource, VirtAddr wanted, VirtAddr out) {
  if (resource >= kResourceLimits) return -EINVAL;
  const ResourceLimit before = call.process().limits()[resource];
  if (wanted.value != 0) {
    const auto limit = call.memory().load<ResourceLimit>(wanted);
    if (!limit) return raw(limit.error());
    if (auto changed = change_limit(call, resource, *limit); !changed) {
      return raw(changed.error());
    }
  }
  return out.value != 0 ? raw(call.memory().store(out, before)) : 0;
}

/// How the process's time is told: what passed in the guest's own code, and what the runner used.
struct CpuTimes {
  nanoseconds user{0}, system{0};
};

CpuTimes cpu_times(Call& call) {
  CpuTimes times;
  times.user = call.process().machine_space().counters().guest_time;
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  const nanoseconds runner = std::chrono::seconds(used.tv_sec) + nanoseconds(used.tv_nsec);
  // While it waits for the guest on another processor, the runner spins: that is not the guest's.
  times.system = std::max(runner - times.user, nanoseconds(0));
  return times;
}

timeval to_timeval(nanoseconds time) {
  const auto whole = std::chrono::duration_cast<microseconds>(time).count();
  return {.tv_sec = whole / 1'000'000, .tv_usec = whole % 1'000'000};
}

}  // namespace

std::int64_t sys_getrlimit(Call& call) {
  if (call.is_null(1)) return call.word(0) < kResourceLimits ? -EFAULT : -EINVAL;
  return limit_call(call, call.word(0), VirtAddr(), call.address(1));
}

std::int64_t sys_setrlimit(Call& call) {
  if (call.is_null(1)) return -EFAULT;
  return limit_call(call, call.word(0), call.address(1), VirtAddr());
}

std::int64_t sys_prlimit64(Call& call) {
  const int pid = call.integer(0);
  if (pid != 0 && pid != call.process().pid() && pid != call.task.tid()) return -ESRCH;
  return limit_call(call, call.word(1), call.address(2), call.address(3));
}

std::int64_t sys_getrusage(Call& call) {
  constexpr int kThread = 1;
  rusage usage{};
  const int who = call.integer(0);
  if (who == RUSAGE_SELF || who == kThread) {
    const AddressSpaceCounts counts = call.memory().counts();
    const CpuTimes times = cpu_times(call);
    rusage runner{};
    getrusage(RUSAGE_SELF, &runner);
    usage.ru_utime = to_timeval(times.user);
    usage.ru_stime = to_timeval(times.system);
    usage.ru_maxrss = static_cast<long>(counts.peak_rss * kPageSize / 1024);
    usage.ru_minflt = static_cast<long>(counts.minor_faults);
    usage.ru_majflt = static_cast<long>(counts.major_faults);
    usage.ru_inblock = runner.ru_inblock;
    usage.ru_oublock = runner.ru_oublock;
    usage.ru_nvcsw = runner.ru_nvcsw;
    usage.ru_nivcsw = runner.ru_nivcsw;
  } else if (who != RUSAGE_CHILDREN) {
    return -EINVAL;
  }
  return raw(call.memory().store(call.address(1), usage));
}

std::int64_t sys_times(Call& call) {
  constexpr nanoseconds kTick = std::chrono::milliseconds(10);  // USER_HZ: 100
  if (!call.is_null(0)) {
    const CpuTimes cpu = cpu_times(call);
    const tms times{.tms_utime = cpu.user / kTick, .tms_stime = cpu.system / kTick};
    if (auto stored = call.memory().store(call.address(0), times); !stored) {
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
  info.totalhigh = info.freehigh = 0;
  info.procs = 1;
  info.mem_unit = 1;
  return raw(call.memory().store(call.address(0), info));
}

}  // namespace gonzo
