#include "kernel/tick_slope.h"

#include <cmath>

namespace gonzo {
namespace {

/// The error of a slope is that of reading a clock, some 20 ns, over this.
constexpr std::int64_t kShortestBaseline = 1'000'000;
constexpr std::int64_t kAnchorAge = 1'000'000'000;
constexpr double kLowest = 0.1, kHighest = 10;
/// Of a slope between two readings; NTP's own limit for slewing a clock is as large.
constexpr double kMostChange = 0.0005;

}  // namespace

std::optional<double> TickSlope::update(const ClockReading& now) {
  if (!anchor_) {
    anchor_ = next_anchor_ = now;
    return {};
  }
  const std::int64_t passed = now.value - anchor_->value;
  if (passed >= 0 && passed < kShortestBaseline) return slope_;
  const double slope =
      static_cast<double>(passed) / static_cast<double>(now.ticks - anchor_->ticks);
  const bool plausible = slope >= kLowest && slope <= kHighest &&
                         (!slope_ || std::abs(slope / *slope_ - 1) <= kMostChange);
  if (!plausible) {
    slope_.reset();
    anchor_ = next_anchor_ = now;
    return {};
  }
  slope_ = slope;
  if (now.value - next_anchor_->value >= kAnchorAge) {
    anchor_ = next_anchor_;
    next_anchor_ = now;
  }
  return slope_;
}

}  // namespace gonzo
