#include "kernel/repeating_timer.h"

#include <algorithm>

namespace gonzo {

using Clock = DeadlineQueue::Clock;

RepeatingTimer::Setting RepeatingTimer::get_locked() const {
  if (ticket_ == 0) return {.interval = interval_};
  return {.left = std::max(Duration(when_ - Clock::now()), pace_.resolution),
          .interval = interval_};
}

RepeatingTimer::Setting RepeatingTimer::get() const {
  const LockGuard guard(lock_);
  return get_locked();
}

RepeatingTimer::Setting RepeatingTimer::replace(Arming arming, const Setting& wanted) {
  const Setting before = get_locked();
  if (ticket_ != 0) queue_.cancel(ticket_);
  ticket_ = 0;
  ++generation_;
  interval_ = wanted.interval;
  if (arming == Arming::kStart) {
    when_ = Clock::now() + wanted.left;
    arm();
  }
  return before;
}

void RepeatingTimer::arm() {
  ticket_ = queue_.add(
      when_, [self = shared_from_this(), generation = generation_] { self->go_off(generation); });
}

void RepeatingTimer::go_off(std::uint64_t generation) {
  std::int64_t missed = 0;
  {
    const LockGuard guard(lock_);
    if (generation != generation_) return;  // set anew meanwhile
    ticket_ = 0;
    if (interval_ > Duration(0)) {
      missed = (Clock::now() + pace_.least_gap - when_) / interval_;
      when_ += (missed + 1) * interval_;
      arm();
    }
  }
  notify(missed);
}

}  // namespace gonzo
