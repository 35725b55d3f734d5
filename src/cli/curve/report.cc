#include "cli/curve/report.h"

#include <algorithm>

namespace gonzo {
namespace {

template <typename Value>
Middle middle_of(const std::vector<Measurement>& runs, Value value) {
  std::vector<double> values;
  values.reserve(runs.size());
  for (const Measurement& run : runs) values.push_back(static_cast<double>(value(run)));
  return middle(std::move(values));
}

double real_of(const Measurement& run) { return static_cast<double>(run.real.count()); }

}  // namespace

Middle middle(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {.median = median, .spread = median == 0 ? 0 : (values.back() - values.front()) / median};
}

Middle Point::real() const { return middle_of(runs, real_of); }

double Point::major_faults() const {
  return middle_of(runs, [](const Measurement& run) { return run.major_faults; }).median;
}

double Point::stalled() const {
  return middle_of(runs, [](const Measurement& run) { return run.stalled_some.count(); }).median;
}

double Knee::resolution() const {
  if (!memory || !too_small) return 1;
  return static_cast<double>(*memory - *too_small) / static_cast<double>(*memory);
}

Middle CurveReport::full_real() const { return middle_of(full_speed, real_of); }

}  // namespace gonzo
