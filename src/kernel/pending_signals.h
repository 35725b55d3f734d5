// Signals sent and not delivered yet. Linux: struct sigpending.
#pragma once

#include <deque>
#include <optional>

#include "kernel/signal_info.h"
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>

namespace gonzo {

/// A standard signal is held once, a real-time signal (32 up) as often as it was sent. Thread-safe.
class PendingSignals {
 public:
  /// EAGAIN: a real-time signal over the limit of queued ones (RLIMIT_SIGPENDING).
  Result<void> add(const SignalInfo& info, std::size_t limit) GONZO_EXCLUDES(lock_);
  /// The next signal outside `blocked`, taken out: synchronous ones (SIGSEGV ...) first, then the
  /// lowest number (Linux: next_signal).
  std::optional<SignalInfo> take(SignalSet blocked) GONZO_EXCLUDES(lock_);
  /// If the signal of that timer pends, it counts `missed` more (si_overrun). Its count, or
  /// nothing.
  std::optional<int> count_timer(int timer, int missed) GONZO_EXCLUDES(lock_);
  void discard(SignalSet signals) GONZO_EXCLUDES(lock_);
  SignalSet set() const GONZO_EXCLUDES(lock_);

 private:
  mutable Mutex lock_;
  SignalSet set_ GONZO_GUARDED_BY(lock_) = 0;
  std::deque<SignalInfo> queue_ GONZO_GUARDED_BY(lock_);
};

}  // namespace gonzo
