// How fast a clock of the host's goes over the time-stamp counter, measured as it is read.
#pragma once

#include <cstdint>
#include <optional>

namespace gonzo {

/// A clock's value in nanoseconds, and the tick just before it was read: a line through both is
/// never behind the clock.
struct ClockReading {
  std::uint64_t ticks;
  std::int64_t value;
};

class TickSlope {
 public:
  /// Nanoseconds a tick, over the last second or two. None: the first readings lie too close
  /// together; or counter and clock do not go together any more (one was suspended, or the clock is
  /// being slewed hard), and measuring begins anew.
  std::optional<double> update(const ClockReading& now);

 private:
  std::optional<ClockReading> anchor_;       ///< measured from here
  std::optional<ClockReading> next_anchor_;  ///< from here, in a while
  std::optional<double> slope_;
};

}  // namespace gonzo
