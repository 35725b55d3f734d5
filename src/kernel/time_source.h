// Where the machine's time comes from: the host's clocks, and the counter that guests can read.
#pragma once

#include <cstdint>
#include <ctime>

#include <gonzo/machine/machine.h>

namespace gonzo {

class TimeSource {
 public:
  virtual ~TimeSource() = default;
  /// The time-stamp counter goes at one pace, on all processors, and the host keeps time by it.
  virtual bool has_steady_ticks() = 0;
  virtual std::uint64_t ticks() = 0;
  /// A CLOCK_ that never fails, in nanoseconds.
  virtual std::int64_t now(clockid_t clock) = 0;
  /// clock_getres(2), in nanoseconds.
  virtual std::int64_t resolution(clockid_t clock) = 0;
};

/// Thread-safe.
class HostTime final : public TimeSource {
 public:
  /// `ticks`: guests that do not read the host's counter have none that is steady.
  explicit HostTime(GuestTicks ticks = GuestTicks::kHosts) : guest_ticks_(ticks) {}
  /// CPUID 8000_0007H EDX bit 8 (Intel SDM vol. 3B, 18.17.1), and a clock source of Linux's that
  /// reads the counter: the kernel has compared it between processors. False where it does not say.
  bool has_steady_ticks() override;
  std::uint64_t ticks() override;
  std::int64_t now(clockid_t clock) override;
  std::int64_t resolution(clockid_t clock) override;

 private:
  const GuestTicks guest_ticks_;
};

}  // namespace gonzo
