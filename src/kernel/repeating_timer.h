// A deadline that comes once, or again and again. Linux: hrtimer_forward.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "kernel/deadline_queue.h"
#include "kernel/timer_clock.h"
#include <gonzo/base/lock.h>

namespace gonzo {

/// Thread-safe. What is queued holds the timer, and nothing else of its owner's.
class RepeatingTimer : public std::enable_shared_from_this<RepeatingTimer> {
 public:
  using Duration = std::chrono::nanoseconds;
  struct Setting {
    Duration left{0};      ///< until it goes off; 0: it does not
    Duration interval{0};  ///< then again and again; 0: once
  };

  virtual ~RepeatingTimer() = default;
  RepeatingTimer(const RepeatingTimer&) = delete;
  RepeatingTimer& operator=(const RepeatingTimer&) = delete;

  Setting get() const GONZO_EXCLUDES(lock_);
  const TimerClock& clock() const { return *clock_; }

 protected:
  struct Pace {
    Duration resolution;  ///< what is left, as told, of one that is about to go off
    Duration least_gap;   ///< what would follow sooner counts as missed
  };
  RepeatingTimer(DeadlineQueue& queue, std::shared_ptr<const TimerClock> clock, const Pace& pace)
      : queue_(queue), clock_(std::move(clock)), pace_(pace) {}

  /// `kStart`: with nothing left it goes off at once. The setting before. By a clock that has
  /// stopped, it never goes off.
  enum class Arming : bool { kStop, kStart };
  Setting replace(Arming arming, const Setting& wanted) GONZO_REQUIRES(lock_);

  mutable Mutex lock_;

 private:
  /// It is time, and `missed` times more it was; nothing is held.
  virtual void notify(std::int64_t missed) = 0;

  void go_off(std::uint64_t generation) GONZO_EXCLUDES(lock_);
  Setting get_locked() const GONZO_REQUIRES(lock_);
  void arm(Duration left) GONZO_REQUIRES(lock_);

  DeadlineQueue& queue_;
  const std::shared_ptr<const TimerClock> clock_;
  const Pace pace_;
  Duration when_ GONZO_GUARDED_BY(lock_){0};  ///< by the clock
  Duration interval_ GONZO_GUARDED_BY(lock_){0};
  DeadlineQueue::Ticket ticket_ GONZO_GUARDED_BY(lock_) = 0;  ///< 0: not armed
  std::uint64_t generation_ GONZO_GUARDED_BY(lock_) = 0;
};

}  // namespace gonzo
