// What timers go by.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include <gonzo/base/cpu_clock_number.h>
#include <gonzo/base/result.h>

namespace gonzo {

class Process;
class Task;

/// Thread-safe.
class TimerClock {
 public:
  using Duration = std::chrono::nanoseconds;
  virtual ~TimerClock() = default;
  /// Nothing: it has stopped for ever.
  virtual std::optional<Duration> now() const = 0;
  /// By real time: `left` of it do not pass sooner.
  virtual Duration soonest(Duration left) const = 0;
};

class RealTimeClock final : public TimerClock {
 public:
  std::optional<Duration> now() const override;
  Duration soonest(Duration left) const override { return left; }
};

/// The CPU time of a process or a thread, until it has ended. Nobody tells when it has grown, so
/// who waits looks at it again and again, as often as the timer's tick of a kernel would.
class CpuTimeClock final : public TimerClock {
 public:
  /// Linux: TICK_NSEC with CONFIG_HZ=250.
  static constexpr Duration kTick = std::chrono::milliseconds(4);

  explicit CpuTimeClock(std::weak_ptr<Process> process,
                        CpuClockKind kind = CpuClockKind::kScheduled);
  explicit CpuTimeClock(std::weak_ptr<Task> task, CpuClockKind kind = CpuClockKind::kScheduled);
  /// The one of this number for `caller`. EINVAL: nobody's, another process's thread.
  static Result<std::shared_ptr<const CpuTimeClock>> find(Task& caller,
                                                          const CpuClockNumber& number);

  std::optional<Duration> now() const override;
  Duration soonest(Duration left) const override;
  /// Also of a process that has ended and is not waited for yet.
  Duration used() const;

 private:
  std::weak_ptr<Process> process_;  ///< of a process's
  std::weak_ptr<Task> task_;        ///< of a thread's
  const CpuClockKind kind_;
};

}  // namespace gonzo
