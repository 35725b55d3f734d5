#include "syscall/sleep.h"

#include <sys/syscall.h>

#include <algorithm>

#include "kernel/timer_clock.h"
#include "syscall/table.h"

namespace gonzo {

namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr long kNanoseconds = 1'000'000'000;

std::int64_t sleep_by_host(Call& call, clockid_t clock, const timespec& deadline) {
  return call.host(SYS_clock_nanosleep, {static_cast<std::uint64_t>(clock), TIMER_ABSTIME,
                                         reinterpret_cast<std::uint64_t>(&deadline), 0});
}

/// Linux: do_cpu_nanosleep. Whose time will not go on wakes nobody: over at once.
std::int64_t sleep_by_cpu_time(Call& call, const CpuClockNumber& number, const timespec& deadline) {
  const auto clock = CpuTimeClock::find(call.task, number);
  if (!clock) return raw(clock.error());
  for (;;) {
    const auto now = (*clock)->now();
    if (!now || *now >= to_duration(deadline)) return 0;
    const auto wait = (*clock)->soonest(to_duration(deadline) - *now);
    const auto look = deadline_after(CLOCK_MONOTONIC, to_timespec(wait));
    if (!look) return raw(look.error());
    const std::int64_t result = sleep_by_host(call, CLOCK_MONOTONIC, *look);
    if (result != 0) return result;
  }
}

}  // namespace

bool is_valid(const timespec& time) {
  return time.tv_sec >= 0 && time.tv_nsec >= 0 && time.tv_nsec < kNanoseconds;
}

timespec to_timespec(nanoseconds time) {
  const auto whole = std::chrono::duration_cast<seconds>(time);
  return {whole.count(), (time - whole).count()};
}

nanoseconds to_duration(const timespec& time) {
  constexpr long kLongest = 9'000'000'000;  // seconds
  return seconds(std::min(time.tv_sec, kLongest)) + nanoseconds(time.tv_nsec);
}

std::int64_t sleep_until(Call& call, clockid_t clock, const timespec& deadline) {
  const auto number = CpuClockNumber::decode(clock);
  return number ? sleep_by_cpu_time(call, *number, deadline) : sleep_by_host(call, clock, deadline);
}

Result<nanoseconds> cpu_time(Call& call, const CpuClockNumber& number) {
  GONZO_ASSIGN(const auto clock, CpuTimeClock::find(call.task, number));
  return clock->used();
}

Result<timespec> time_now(Call& call, clockid_t clock) {
  if (const auto number = CpuClockNumber::decode(clock)) {
    GONZO_ASSIGN(const nanoseconds used, cpu_time(call, *number));
    return to_timespec(used);
  }
  timespec now;
  if (clock_gettime(clock, &now) != 0) return fail_from_host();
  return now;
}

timespec after(const timespec& now, const timespec& duration) {
  timespec deadline{};
  if (__builtin_add_overflow(now.tv_sec, duration.tv_sec, &deadline.tv_sec)) {
    deadline.tv_sec = INT64_MAX / kNanoseconds;
  }
  deadline.tv_nsec = now.tv_nsec + duration.tv_nsec;
  if (deadline.tv_nsec >= kNanoseconds) {
    deadline.tv_nsec -= kNanoseconds;
    ++deadline.tv_sec;
  }
  return deadline;
}

Result<timespec> deadline_after(clockid_t clock, const timespec& duration) {
  timespec now;
  if (clock_gettime(clock, &now) != 0) return fail_from_host();
  return after(now, duration);
}

timespec time_left(const timespec& now, const timespec& deadline) {
  timespec left{deadline.tv_sec - now.tv_sec, deadline.tv_nsec - now.tv_nsec};
  if (left.tv_nsec < 0) {
    left.tv_nsec += kNanoseconds;
    --left.tv_sec;
  }
  return left.tv_sec < 0 ? timespec{0, 0} : left;
}

}  // namespace gonzo
