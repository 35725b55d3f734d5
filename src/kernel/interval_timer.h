// alarm(2) and setitimer(2) by real time. Linux: signal_struct's real_timer, kernel/time/itimer.c.
#pragma once

#include "kernel/repeating_timer.h"

namespace gonzo {

class Process;

/// Sends SIGALRM to its process. What it missed is not made up for. Thread-safe.
class IntervalTimer final : public RepeatingTimer {
 public:
  IntervalTimer(DeadlineQueue& queue, std::weak_ptr<Process> process)
      : RepeatingTimer(queue, {.resolution = std::chrono::microseconds(1), .least_gap = {}}),
        process_(std::move(process)) {}

  /// The setting before.
  Setting set(const Setting& wanted) GONZO_EXCLUDES(lock_);

 private:
  void notify(std::int64_t missed) override;

  const std::weak_ptr<Process> process_;
};

}  // namespace gonzo
