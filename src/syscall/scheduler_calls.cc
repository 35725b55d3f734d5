// How tasks share processors: the host's word about the threads that run them. Linux:
// kernel/sched/syscalls.c, block/ioprio.c.
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "kernel/process_table.h"
#include "syscall/handlers.h"
#include "syscall/table.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

/// The runner's thread of a guest's task, as the host's scheduler calls take it: 0 is the own.
/// ESRCH.
Result<std::uint64_t> host_thread(const Call& call, int tid) {
  if (tid == 0 || tid == call.task.tid()) return 0;
  const auto task = call.processes().find_task(tid);
  const pid_t thread = task != nullptr ? task->await_host_thread() : 0;
  if (thread == 0) return fail(Errno::kSrch);
  return static_cast<std::uint64_t>(thread);
}

/// linux/ioprio.h's, which is no C++ in Debian's kernel headers since 6.1.192.
enum IoPriorityWho : int { kIoPriorityProcess = 1, kIoPriorityGroup, kIoPriorityUser };

/// struct sched_attr, which glibc's headers do not have.
struct Attributes {
  std::uint32_t size = 0, policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0, deadline = 0, period = 0;
  std::uint32_t least_use = 0, most_use = 0;
};
static_assert(sizeof(Attributes) == 56);

std::uint64_t pointer_to(const void* what) { return reinterpret_cast<std::uint64_t>(what); }

/// Before others: a thread of the runner that waits for its guest's code would starve that.
bool is_ordinary(unsigned policy) {
  policy &= ~unsigned{SCHED_RESET_ON_FORK};
  return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

/// Of several, one after the other: the best answer counts. Linux: the loops in sys_setpriority,
/// sys_getpriority, ioprio_get.
template <typename Visit>
std::int64_t visit_all(Call& call, const std::vector<std::shared_ptr<Process>>& members,
                       Visit visit) {
  std::int64_t best = -ESRCH;
  for (const auto& process : members) {
    for (const int tid : process->task_ids()) {
      const auto thread = host_thread(call, tid);
      if (!thread) continue;
      best = std::max(best, visit(*thread));
    }
  }
  return best;
}

std::vector<std::shared_ptr<Process>> of_user(Call& call, unsigned user) {
  const unsigned wanted = user != 0 ? user : getuid();
  auto all = call.processes().all();
  std::erase_if(all, [&](const auto& each) {
    const auto identity = call.processes().identity(each->pid());
    return !identity || identity->users.real != wanted;
  });
  return all;
}

/// EPERM for what runs before others, as without a right to it.
std::int64_t set_scheduler(Call& call, int policy, VirtAddr from) {
  if (from.value == 0 || call.integer(0) < 0) return -EINVAL;
  const auto parameters = call.memory().load<sched_param>(from);
  if (!parameters) return raw(parameters.error());
  const auto thread = host_thread(call, call.integer(0));
  if (!thread) return raw(thread.error());
  if (policy >= 0 && !is_ordinary(static_cast<unsigned>(policy))) {
    const int least = ::sched_get_priority_min(policy);
    const int most = ::sched_get_priority_max(policy);
    const int wanted = parameters->sched_priority;
    return least < 0 || wanted < least || wanted > most ? -EINVAL : -EPERM;
  }
  if (call.row.number == SYS_sched_setparam) {
    return call.host(SYS_sched_setparam, {*thread, pointer_to(&*parameters)});
  }
  return call.host(SYS_sched_setscheduler,
                   {*thread, static_cast<unsigned>(policy), pointer_to(&*parameters)});
}

/// Whoever `which` and `who` mean, their host threads.
template <typename Visit>
std::int64_t for_each_meant(Call& call, Visit visit) {
  switch (call.integer(0)) {
    case kIoPriorityProcess: {
      const auto thread = host_thread(call, call.integer(1));
      return thread ? visit(*thread) : raw(thread.error());
    }
    case kIoPriorityGroup: {
      const auto own = call.processes().identity(call.process().pid());
      return visit_all(
          call, call.processes().group(call.integer(1) != 0 ? call.integer(1) : own->group), visit);
    }
    case kIoPriorityUser:
      return visit_all(call, of_user(call, call.word(1)), visit);
    default:
      return -EINVAL;
  }
}

}  // namespace

/// getpriority and setpriority: of a task, of a group, of all that a user has here.
std::int64_t sys_priority(Call& call) {
  Call shifted = call;  // the kinds are numbered from 0 here, from 1 there
  static_assert(PRIO_PROCESS + 1 == kIoPriorityProcess && PRIO_USER + 1 == kIoPriorityUser);
  shifted.arguments[0] = call.word(0) + 1;
  return for_each_meant(shifted, [&](std::uint64_t thread) {
    return call.host(call.row.number, {PRIO_PROCESS, thread, call[2]});
  });
}

/// Of the machine's main thread, which no guest keeps on one processor.
std::int64_t sys_sched_getaffinity(Call& call) {
  if (const auto thread = host_thread(call, call.integer(0)); !thread) return raw(thread.error());
  std::array<std::byte, 1024> set{};
  const std::uint64_t room = std::min<std::uint64_t>(call.word(1), set.size());
  const std::int64_t bytes = call.host(
      SYS_sched_getaffinity,
      {static_cast<std::uint64_t>(getpid()), room, reinterpret_cast<std::uint64_t>(set.data())});
  if (bytes < 0) return bytes;
  const auto copied = call.memory().copy_out(call.address(2),
                                             std::span(set).first(static_cast<std::size_t>(bytes)));
  return copied ? bytes : raw(copied.error());
}

/// The guest runs on the processors of the machine's own threads, which it cannot choose.
std::int64_t sys_sched_setaffinity(Call& call) {
  std::array<std::byte, 128> set;
  const auto part = std::span(set).first(std::min<std::size_t>(call.word(1), set.size()));
  if (auto copied = call.memory().copy_in(part, call.address(2)); !copied) {
    return raw(copied.error());
  }
  return host_thread(call, call.integer(0)) ? -EPERM : -ESRCH;
}

std::int64_t sys_sched_getscheduler(Call& call) {
  const auto thread = host_thread(call, call.integer(0));
  return thread ? call.host(SYS_sched_getscheduler, {*thread}) : raw(thread.error());
}

std::int64_t sys_sched_getparam(Call& call) {
  if (call.is_null(1) || call.integer(0) < 0) return -EINVAL;
  const auto thread = host_thread(call, call.integer(0));
  if (!thread) return raw(thread.error());
  sched_param parameters{};
  const std::int64_t result =
      call.host(SYS_sched_getparam, {*thread, reinterpret_cast<std::uint64_t>(&parameters)});
  return result < 0 ? result : raw(call.memory().store(call.address(1), parameters));
}

std::int64_t sys_sched_setscheduler(Call& call) {
  if (call.integer(1) < 0) return -EINVAL;
  return set_scheduler(call, call.integer(1), call.address(2));
}

std::int64_t sys_sched_setparam(Call& call) {
  constexpr int kSame = -1;
  return set_scheduler(call, kSame, call.address(1));
}

std::int64_t sys_sched_rr_get_interval(Call& call) {
  if (call.integer(0) < 0) return -EINVAL;
  const auto thread = host_thread(call, call.integer(0));
  if (!thread) return raw(thread.error());
  timespec interval{};
  const std::int64_t result =
      call.host(SYS_sched_rr_get_interval, {*thread, pointer_to(&interval)});
  return result < 0 ? result : raw(store_longs(call, call.address(1), interval));
}

/// The structure's own checks are the host's.
std::int64_t sys_sched_getattr(Call& call) {
  constexpr unsigned kSmallest = 48;  // SCHED_ATTR_SIZE_VER0
  const unsigned size = call.word(2);
  if (call.is_null(1) || call.integer(0) < 0 || size > kPageSize || size < kSmallest ||
      call.word(3) != 0) {
    return -EINVAL;
  }
  const auto thread = host_thread(call, call.integer(0));
  if (!thread) return raw(thread.error());
  std::array<std::byte, kPageSize> attributes{};
  const std::int64_t result =
      call.host(SYS_sched_getattr, {*thread, pointer_to(attributes.data()), size, 0});
  if (result < 0) return result;
  std::uint32_t written = 0;
  std::memcpy(&written, attributes.data(), sizeof written);
  return raw(call.memory().copy_out(call.address(1),
                                    std::span(attributes).first(std::min(written, size))));
}

std::int64_t sys_sched_setattr(Call& call) {
  if (call.is_null(1) || call.integer(0) < 0 || call.word(2) != 0) return -EINVAL;
  constexpr std::size_t kSmallest = 48;
  const auto size = call.memory().load<std::uint32_t>(call.address(1));
  if (!size) return raw(size.error());
  auto attributes =
      load_extensible<Attributes>(call, call.address(1), *size != 0 ? *size : kSmallest, kSmallest);
  if (!attributes) return raw(attributes.error());
  const auto thread = host_thread(call, call.integer(0));
  if (!thread) return raw(thread.error());
  if (!is_ordinary(attributes->policy)) return -EPERM;
  attributes->size = sizeof *attributes;
  return call.host(SYS_sched_setattr, {*thread, pointer_to(&*attributes), 0});
}

std::int64_t sys_ioprio_get(Call& call) {
  return for_each_meant(call, [&](std::uint64_t thread) {
    return call.host(SYS_ioprio_get, {kIoPriorityProcess, thread});
  });
}

std::int64_t sys_ioprio_set(Call& call) {
  return for_each_meant(call, [&](std::uint64_t thread) {
    return call.host(SYS_ioprio_set, {kIoPriorityProcess, thread, call[2]});
  });
}

}  // namespace gonzo
