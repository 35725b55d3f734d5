// Sleeps and futexes.
#include <linux/futex.h>
#include <sys/syscall.h>

#include <climits>
#include <ctime>
#include <optional>

#include "syscall/handlers.h"
#include "syscall/sleep.h"
#include "syscall/table.h"

namespace gonzo {

namespace {

/// The rest of an interrupted sleep. Linux: hrtimer_nanosleep_restart.
struct RelativeSleep {
  clockid_t clock;
  timespec deadline;
  VirtAddr remaining;
};

std::int64_t sleep_on(Call& call, const RelativeSleep& sleep) {
  const std::int64_t result = sleep_until(call, sleep.clock, sleep.deadline);
  if (result != -EINTR) return result;
  if (sleep.remaining.value != 0) {
    const timespec left = time_left(sleep.clock, sleep.deadline);
    if (auto stored = call.memory().store(sleep.remaining, left); !stored) {
      return raw(stored.error());
    }
  }
  call.task.restart_block = Task::RestartBlock{
      .number = SYS_clock_nanosleep,
      .arguments = {static_cast<std::uint64_t>(sleep.clock),
                    static_cast<std::uint64_t>(sleep.deadline.tv_sec),
                    static_cast<std::uint64_t>(sleep.deadline.tv_nsec), sleep.remaining.value}};
  return -restart::kBlock;
}

std::int64_t sleep_for(Call& call, clockid_t clock, const timespec& duration, VirtAddr remaining) {
  const auto deadline = deadline_after(clock, duration);
  if (!deadline) return raw(deadline.error());
  return sleep_on(call, {clock, *deadline, remaining});
}

bool is_wait(int operation) { return operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET; }

/// Linux: futex_wait. With one thread there is nobody to wake it: only time or a signal ends it.
std::int64_t futex_wait(Call& call, int operation, bool realtime) {
  std::optional<timespec> deadline;
  // FUTEX_WAIT counts from now on the monotonic clock, FUTEX_WAIT_BITSET to a moment.
  const clockid_t clock = realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC;
  if (!call.is_null(3)) {
    const auto time = call.memory().load<timespec>(call.address(3));
    if (!time) return raw(time.error());
    if (!is_valid(*time)) return -EINVAL;
    deadline = *time;
    if (operation == FUTEX_WAIT) {
      const auto then = deadline_after(clock, *time);
      if (!then) return raw(then.error());
      deadline = *then;
    }
  }
  if (operation == FUTEX_WAIT_BITSET && call.word(5) == 0) return -EINVAL;
  const auto value = call.memory().load<std::uint32_t>(call.address(0));
  if (!value) return raw(value.error());
  if (*value != call.word(2)) return -EAGAIN;
  if (!deadline) {
    call.host(SYS_pause, {});
    return -restart::kSys;
  }
  const std::int64_t slept = sleep_until(call, clock, *deadline);
  return slept == 0 ? -ETIMEDOUT : slept;
}

}  // namespace

std::int64_t sys_nanosleep(Call& call) {
  const auto duration = call.memory().load<timespec>(call.address(0));
  if (!duration) return raw(duration.error());
  if (!is_valid(*duration)) return -EINVAL;
  return sleep_for(call, CLOCK_MONOTONIC, *duration, call.address(1));
}

std::int64_t sys_clock_nanosleep(Call& call) {
  const auto time = call.memory().load<timespec>(call.address(2));
  if (!time) return raw(time.error());
  if (!is_valid(*time)) return -EINVAL;
  const clockid_t clock = call.integer(0);
  if ((call.integer(1) & TIMER_ABSTIME) == 0) {
    return sleep_for(call, clock, *time, call.address(3));
  }
  const std::int64_t result = sleep_until(call, clock, *time);
  return result == -EINTR ? -restart::kNoHand : result;
}

std::int64_t sys_restart_syscall(Call& call) {
  if (!call.task.restart_block) return -EINTR;
  const Task::RestartBlock block = *call.task.restart_block;
  call.task.restart_block.reset();
  return sleep_on(call, {.clock = static_cast<clockid_t>(block.arguments[0]),
                         .deadline = {static_cast<time_t>(block.arguments[1]),
                                      static_cast<long>(block.arguments[2])},
                         .remaining = VirtAddr(block.arguments[3])});
}

std::int64_t sys_futex(Call& call) {
  const int operation = call.integer(1) & FUTEX_CMD_MASK;
  const bool realtime = (call.integer(1) & FUTEX_CLOCK_REALTIME) != 0;
  if (realtime && operation != FUTEX_WAIT && operation != FUTEX_WAIT_BITSET) return -ENOSYS;
  if (call[0] % sizeof(std::uint32_t) != 0) return -EINVAL;
  if (is_wait(operation)) return futex_wait(call, operation, realtime);
  switch (operation) {
    // Nobody waits while the only thread runs.
    case FUTEX_WAKE:
      return 0;
    case FUTEX_WAKE_BITSET:
      return call.word(5) == 0 ? -EINVAL : 0;
    case FUTEX_REQUEUE:
      return 0;
    case FUTEX_CMP_REQUEUE: {
      const auto value = call.memory().load<std::uint32_t>(call.address(0));
      if (!value) return raw(value.error());
      return *value == call.word(5) ? 0 : -EAGAIN;
    }
    default:
      return -ENOSYS;
  }
}

}  // namespace gonzo
