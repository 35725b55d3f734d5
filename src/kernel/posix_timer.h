// timer_create(2)'s timers. Linux: kernel/time/posix-timers.c, struct k_itimer.
#pragma once

#include <ctime>
#include <map>
#include <memory>
#include <optional>

#include "kernel/repeating_timer.h"
#include "kernel/signal_info.h"
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>

namespace gonzo {

class Process;

/// Sends its signal to its process, or to one thread. A signal of its that still pends counts what
/// it missed (si_overrun). Thread-safe.
class PosixTimer final : public RepeatingTimer {
 public:
  using RepeatingTimer::Arming;
  struct Notice {
    int signal = 0;                      ///< 0: none
    int thread = 0;                      ///< 0: the process
    std::optional<std::uint64_t> value;  ///< si_value; none: the timer's number
  };

  struct Setup {
    clockid_t clock_id;  ///< as the program knows it
    std::shared_ptr<const TimerClock> clock;
    Notice notice;
  };

  PosixTimer(DeadlineQueue& queue, std::weak_ptr<Process> process, int number, const Setup& setup);

  clockid_t clock_id() const { return clock_id_; }
  /// The setting before. What is in the past goes off at once.
  Setting set(Arming arming, const Setting& wanted) GONZO_EXCLUDES(lock_);
  /// What the signal that was taken last had missed (timer_getoverrun).
  int overrun() const GONZO_EXCLUDES(lock_);

 private:
  void notify(std::int64_t missed) override GONZO_EXCLUDES(lock_);
  /// Where its signal pends, and does: what it has missed, `missed` more included.
  std::optional<int> count(int missed) const;
  void send(int missed) GONZO_EXCLUDES(lock_);

  const std::weak_ptr<Process> process_;
  const int number_;
  const clockid_t clock_id_;
  const Notice notice_;
  int counted_ GONZO_GUARDED_BY(lock_) = 0;  ///< what the signal sent last has missed
  int taken_ GONZO_GUARDED_BY(lock_) = 0;    ///< the same of the one before
};

/// Of one process, by number. Thread-safe.
class PosixTimers {
 public:
  ~PosixTimers() { clear(); }
  /// EAGAIN: too many.
  Result<int> create(DeadlineQueue& queue, const std::weak_ptr<Process>& process,
                     const PosixTimer::Setup& setup) GONZO_EXCLUDES(lock_);
  /// EINVAL.
  Result<std::shared_ptr<PosixTimer>> find(int number) const GONZO_EXCLUDES(lock_);
  Result<void> remove(int number) GONZO_EXCLUDES(lock_);
  /// exec and the end take them all.
  void clear() GONZO_EXCLUDES(lock_);

 private:
  mutable Mutex lock_;
  std::map<int, std::shared_ptr<PosixTimer>> timers_ GONZO_GUARDED_BY(lock_);
  int next_ GONZO_GUARDED_BY(lock_) = 0;
};

}  // namespace gonzo
