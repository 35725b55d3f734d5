// alarm(2), getitimer(2), setitimer(2). Linux: kernel/time/itimer.c.
#include <sys/time.h>

#include "kernel/interval_timer.h"
#include "syscall/cpu_times.h"
#include "syscall/handlers.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

/// EINVAL.
Result<IntervalTimer*> timer_of(Call& call) {
  const unsigned which = call.word(0);
  if (which >= IntervalTimer::kKinds) return fail(Errno::kInval);
  return &call.process().interval_timer(static_cast<IntervalTimer::Kind>(which));
}

itimerval to_itimerval(const IntervalTimer::Setting& setting) {
  return {.it_interval = to_timeval(setting.interval), .it_value = to_timeval(setting.left)};
}

Result<nanoseconds> duration_of(const timeval& time) {
  constexpr long kMicroseconds = 1'000'000;
  if (time.tv_sec < 0 || time.tv_usec < 0 || time.tv_usec >= kMicroseconds) {
    return fail(Errno::kInval);
  }
  constexpr long kLongest = 9'000'000'000;  // what nanoseconds can hold
  return seconds(std::min(time.tv_sec, kLongest)) + microseconds(time.tv_usec);
}

}  // namespace

std::int64_t sys_alarm(Call& call) {
  IntervalTimer& timer = call.process().interval_timer(IntervalTimer::Kind::kReal);
  const auto before = timer.set({.left = seconds(call.word(0))}).left;
  // Linux rounds to the nearest second, but never down to none.
  constexpr auto kHalf = std::chrono::milliseconds(500);
  const auto whole = std::chrono::duration_cast<seconds>(before + kHalf).count();
  return before > nanoseconds(0) && whole == 0 ? 1 : whole;
}

std::int64_t sys_getitimer(Call& call) {
  const auto timer = timer_of(call);
  if (!timer) return raw(timer.error());
  return raw(store_longs(call, call.address(1), to_itimerval((*timer)->get())));
}

std::int64_t sys_setitimer(Call& call) {
  itimerval wanted{};
  if (!call.is_null(1)) {
    const auto given = load_longs<itimerval>(call, call.address(1));
    if (!given) return raw(given.error());
    wanted = *given;
  }
  const auto left = duration_of(wanted.it_value), interval = duration_of(wanted.it_interval);
  const auto timer = timer_of(call);
  if (!left || !interval || !timer) return -EINVAL;
  const auto before = (*timer)->set({.left = *left, .interval = *interval});
  if (call.is_null(2)) return 0;
  return raw(store_longs(call, call.address(2), to_itimerval(before)));
}

}  // namespace gonzo
