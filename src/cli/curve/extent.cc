#include "cli/curve/extent.h"

#include <algorithm>
#include <cmath>

namespace gonzo {

double Extent::place(double value) const {
  if (most <= least) return 0;
  if (scale == Scale::kLogarithmic) return std::log(value / least) / std::log(most / least);
  return (value - least) / (most - least);
}

double Extent::value(double place) const {
  if (scale == Scale::kLogarithmic) return least * std::pow(most / least, place);
  return least + place * (most - least);
}

Extent time_extent(const CurveReport& report) {
  constexpr double kFarApart = 8;
  Extent extent{.least = report.full_real().median, .most = report.full_real().median};
  for (const Curve& curve : report.curves) {
    for (const Point& point : curve.points) {
      for (const Measurement& run : point.runs) {
        const auto time = static_cast<double>(run.real.count());
        extent.least = std::min(extent.least, time);
        extent.most = std::max(extent.most, time);
      }
    }
  }
  if (extent.least > 0 && extent.most > kFarApart * extent.least) {
    extent.scale = Scale::kLogarithmic;
  } else {
    extent.least = 0;
  }
  return extent;
}

std::uint64_t largest_size(const CurveReport& report) {
  std::uint64_t most = report.peak;
  for (const Curve& curve : report.curves) {
    for (const Point& point : curve.points) most = std::max(most, point.memory);
  }
  return most;
}

}  // namespace gonzo
