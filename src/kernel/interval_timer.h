// alarm(2) and setitimer(2) by real time. Linux: signal_struct's real_timer, kernel/time/itimer.c.
#pragma once

#include <chrono>
#include <memory>

#include "kernel/deadline_queue.h"
#include <gonzo/base/lock.h>

namespace gonzo {

class Process;

/// Sends SIGALRM to its process. Thread-safe. What is queued holds it, not the process.
class IntervalTimer : public std::enable_shared_from_this<IntervalTimer> {
 public:
  using Duration = std::chrono::nanoseconds;
  struct Setting {
    Duration left{0};      ///< until it goes off; 0: it does not
    Duration interval{0};  ///< then again and again; 0: once
  };

  IntervalTimer(DeadlineQueue& queue, std::weak_ptr<Process> process)
      : queue_(queue), process_(std::move(process)) {}

  Setting get() const GONZO_EXCLUDES(lock_);
  /// The setting before.
  Setting set(const Setting& wanted) GONZO_EXCLUDES(lock_);

 private:
  void go_off(std::uint64_t generation) GONZO_EXCLUDES(lock_);
  Setting get_locked() const GONZO_REQUIRES(lock_);
  void arm() GONZO_REQUIRES(lock_);

  DeadlineQueue& queue_;
  const std::weak_ptr<Process> process_;
  mutable Mutex lock_;
  DeadlineQueue::Clock::time_point when_ GONZO_GUARDED_BY(lock_);
  Duration interval_ GONZO_GUARDED_BY(lock_){0};
  DeadlineQueue::Ticket ticket_ GONZO_GUARDED_BY(lock_) = 0;  ///< 0: not armed
  std::uint64_t generation_ GONZO_GUARDED_BY(lock_) = 0;
};

}  // namespace gonzo
