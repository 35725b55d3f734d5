// From a value to its place on an axis.
#pragma once

#include <cstdint>

#include "cli/curve/report.h"

namespace gonzo {

enum class Scale : std::uint8_t { kLinear, kLogarithmic };

struct Axis {
  double least = 0, most = 0;
  Scale scale = Scale::kLinear;

  /// 0 at the least value, 1 at the most.
  double place(double value) const;
  double value(double place) const;
};

/// Of all run times that were measured: from 0, or logarithmic where they are far apart.
Axis time_axis(const CurveReport& report);
/// The peak, or the largest size if that is more.
std::uint64_t largest_size(const CurveReport& report);

}  // namespace gonzo
