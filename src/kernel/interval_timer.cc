#include "kernel/interval_timer.h"

#include <algorithm>
#include <csignal>
#include <tuple>

#include "kernel/process.h"
#include "kernel/signal.h"

namespace gonzo {

using Clock = DeadlineQueue::Clock;

IntervalTimer::Setting IntervalTimer::get_locked() const {
  if (ticket_ == 0) return {.interval = interval_};
  // One that is about to go off has a little left.
  constexpr Duration kLeast = std::chrono::microseconds(1);
  return {.left = std::max(Duration(when_ - Clock::now()), kLeast), .interval = interval_};
}

IntervalTimer::Setting IntervalTimer::get() const {
  const LockGuard guard(lock_);
  return get_locked();
}

IntervalTimer::Setting IntervalTimer::set(const Setting& wanted) {
  const LockGuard guard(lock_);
  const Setting before = get_locked();
  if (ticket_ != 0) queue_.cancel(ticket_);
  ticket_ = 0;
  ++generation_;
  interval_ = wanted.interval;
  if (wanted.left > Duration(0)) {
    when_ = Clock::now() + wanted.left;
    arm();
  }
  return before;
}

void IntervalTimer::arm() {
  ticket_ = queue_.add(
      when_, [self = shared_from_this(), generation = generation_] { self->go_off(generation); });
}

void IntervalTimer::go_off(std::uint64_t generation) {
  {
    const LockGuard guard(lock_);
    if (generation != generation_) return;  // set anew meanwhile
    ticket_ = 0;
    if (interval_ > Duration(0)) {
      // What was missed is not made up for.
      const Clock::time_point now = Clock::now();
      const auto missed = (now - when_) / interval_;
      when_ += (missed + 1) * interval_;
      arm();
    }
  }
  if (const auto process = process_.lock()) {
    std::ignore = send_signal(*process, SignalInfo::fault(SIGALRM, SI_KERNEL, 0));
  }
}

}  // namespace gonzo
