// alarm(2) and setitimer(2). Linux: signal_struct's real_timer and it, kernel/time/itimer.c.
#pragma once

#include "kernel/repeating_timer.h"

namespace gonzo {

class Process;

/// Sends its signal to its process. What it missed is not made up for. Thread-safe.
class IntervalTimer final : public RepeatingTimer {
 public:
  /// As setitimer(2) numbers them.
  enum class Kind : std::uint8_t {
    kReal,     ///< SIGALRM
    kVirtual,  ///< the process's user time: SIGVTALRM
    kProfile,  ///< its CPU time: SIGPROF
  };
  static constexpr unsigned kKinds = 3;

  IntervalTimer(DeadlineQueue& queue, const std::weak_ptr<Process>& process, Kind kind);

  /// The setting before.
  Setting set(const Setting& wanted) GONZO_EXCLUDES(lock_);

 private:
  void notify(std::int64_t missed) override;

  const std::weak_ptr<Process> process_;
  const Kind kind_;
};

}  // namespace gonzo
