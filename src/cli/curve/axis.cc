#include "cli/curve/axis.h"

#include <algorithm>
#include <cmath>

namespace gonzo {

double Axis::place(double value) const {
  if (most <= least) return 0;
  if (scale == Scale::kLogarithmic) return std::log(value / least) / std::log(most / least);
  return (value - least) / (most - least);
}

double Axis::value(double place) const {
  if (scale == Scale::kLogarithmic) return least * std::pow(most / least, place);
  return least + place * (most - least);
}

Axis time_axis(const CurveReport& report) {
  constexpr double kFarApart = 8;
  Axis axis{.least = report.full_real().median, .most = report.full_real().median};
  for (const Curve& curve : report.curves) {
    for (const Point& point : curve.points) {
      for (const Measurement& run : point.runs) {
        const auto time = static_cast<double>(run.real.count());
        axis.least = std::min(axis.least, time);
        axis.most = std::max(axis.most, time);
      }
    }
  }
  if (axis.least > 0 && axis.most > kFarApart * axis.least) {
    axis.scale = Scale::kLogarithmic;
  } else {
    axis.least = 0;
  }
  return axis;
}

std::uint64_t largest_size(const CurveReport& report) {
  std::uint64_t most = report.peak;
  for (const Curve& curve : report.curves) {
    for (const Point& point : curve.points) most = std::max(most, point.memory);
  }
  return most;
}

}  // namespace gonzo
