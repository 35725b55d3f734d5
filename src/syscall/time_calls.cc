// Sleeps.
#include <sys/syscall.h>

#include <ctime>

#include "syscall/handlers.h"
#include "syscall/sleep.h"
#include "syscall/table.h"
#include "syscall/user_types.h"

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
    const auto now = time_now(call, sleep.clock);
    if (!now) return raw(now.error());
    const timespec left = time_left(*now, sleep.deadline);
    if (auto stored = store_longs(call, sleep.remaining, left); !stored) {
      return raw(stored.error());
    }
  }
  call.task.restart_block = Task::RestartBlock{
      .number = SYS_clock_nanosleep,
      .arguments = {static_cast<std::uint64_t>(sleep.clock),
                    static_cast<std::uint64_t>(sleep.deadline.tv_sec),
                    static_cast<std::uint64_t>(sleep.deadline.tv_nsec), sleep.remaining.value,
                    static_cast<std::uint64_t>(call.layout)}};
  return -restart::kBlock;
}

std::int64_t sleep_for(Call& call, clockid_t clock, const timespec& duration, VirtAddr remaining) {
  const auto now = time_now(call, clock);
  if (!now) return raw(now.error());
  return sleep_on(call, {clock, after(*now, duration), remaining});
}

/// While it sleeps, its time would never come.
bool is_own_thread(const Call& call, const CpuClockNumber& clock) {
  return clock.of == CpuClockNumber::Of::kThread && (clock.id == 0 || clock.id == call.task.tid());
}

}  // namespace

std::int64_t sys_nanosleep(Call& call) {
  const auto duration = load_longs<timespec>(call, call.address(0));
  if (!duration) return raw(duration.error());
  if (!is_valid(*duration)) return -EINVAL;
  return sleep_for(call, CLOCK_MONOTONIC, *duration, call.address(1));
}

std::int64_t sys_clock_nanosleep(Call& call) {
  const auto time = load_longs<timespec>(call, call.address(2));
  if (!time) return raw(time.error());
  if (!is_valid(*time)) return -EINVAL;
  const clockid_t clock = call.integer(0);
  if (clock == CLOCK_THREAD_CPUTIME_ID) return -EOPNOTSUPP;
  const auto number = CpuClockNumber::decode(clock);
  if (number ? is_own_thread(call, *number) : clock < 0) return -EINVAL;
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
  if (block.number == SYS_futex) return restart_futex_wait(call, block);
  call.layout = static_cast<Layout>(block.arguments[4]);
  return sleep_on(call, {.clock = static_cast<clockid_t>(block.arguments[0]),
                         .deadline = {static_cast<time_t>(block.arguments[1]),
                                      static_cast<long>(block.arguments[2])},
                         .remaining = VirtAddr(block.arguments[3])});
}

}  // namespace gonzo
