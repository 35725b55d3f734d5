#include "kernel/repeating_timer.h"

#include <algorithm>

namespace gonzo {

RepeatingTimer::Setting RepeatingTimer::get_locked() const {
  const auto now = ticket_ != 0 ? clock_->now() : std::nullopt;
  if (!now) return {.interval = interval_};
  return {.left = std::max(when_ - *now, pace_.resolution), .interval = interval_};
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
  const auto now = arming == Arming::kStart ? clock_->now() : std::nullopt;
  if (now) {
    when_ = *now + wanted.left;
    arm(wanted.left);
  }
  return before;
}

void RepeatingTimer::arm(Duration left) {
  const Duration wait = left > Duration(0) ? clock_->soonest(left) : left;
  ticket_ = queue_.add(
      DeadlineQueue::Clock::now() + wait,
      [self = shared_from_this(), generation = generation_] { self->go_off(generation); });
}

void RepeatingTimer::go_off(std::uint64_t generation) {
  std::int64_t missed = 0;
  {
    const LockGuard guard(lock_);
    if (generation != generation_) return;  // set anew meanwhile
    ticket_ = 0;
    const auto now = clock_->now();
    if (!now) return;
    if (*now < when_) return arm(when_ - *now);
    if (interval_ > Duration(0)) {
      missed = (*now + pace_.least_gap - when_) / interval_;
      when_ += (missed + 1) * interval_;
      arm(when_ - *now);
    }
  }
  notify(missed);
}

}  // namespace gonzo
