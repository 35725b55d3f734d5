#include <fmt/format.h>

#include <algorithm>

#include <gonzo/frame/pressure_meter.h>

namespace gonzo {
namespace {

constexpr unsigned kFractionBits = 11;
constexpr std::uint64_t kOne = 1 << kFractionBits;
/// What is left of an average after a period: e to the power of -2/10, -2/60 and -2/300.
constexpr std::array<std::uint64_t, 3> kDecay{1677, 1981, 2034};

/// Linux: fixed_power_int.
std::uint64_t power(std::uint64_t base, std::uint64_t exponent) {
  std::uint64_t result = kOne;
  for (; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = (result * base + kOne / 2) >> kFractionBits;
    base = (base * base + kOne / 2) >> kFractionBits;
  }
  return result;
}

/// Rounded towards what it moves to. Linux: calc_load.
std::uint64_t moved(std::uint64_t average, std::uint64_t decay, std::uint64_t sample) {
  std::uint64_t scaled = average * decay + sample * (kOne - decay);
  if (sample >= average) scaled += kOne - 1;
  return scaled >> kFractionBits;
}

}  // namespace

void PressureMeter::end_periods(std::uint64_t percent, std::uint64_t count) {
  for (std::size_t i = 0; i < averages_.size(); ++i) {
    averages_[i] = moved(averages_[i], power(kDecay[i], count), percent << kFractionBits);
  }
}

void PressureMeter::pass(Time now, Stalled state) {
  if (now <= last_) return;
  const bool stalled = state == Stalled::kYes;
  if (stalled) total_ += now - last_;
  const Time period_end = period_start_ + kPeriod;
  if (now < period_end) {
    if (stalled) in_period_ += now - last_;
    last_ = now;
    return;
  }
  if (stalled) in_period_ += period_end - last_;
  end_periods(static_cast<std::uint64_t>(in_period_ * 100 / kPeriod), 1);
  const auto whole = (now - period_end) / kPeriod;
  if (whole != 0) end_periods(stalled ? 100 : 0, static_cast<std::uint64_t>(whole));
  period_start_ = period_end + whole * kPeriod;
  in_period_ = stalled ? now - period_start_ : std::chrono::nanoseconds(0);
  last_ = now;
}

std::array<std::uint64_t, 3> PressureMeter::hundredths() const {
  std::array<std::uint64_t, 3> values;
  std::ranges::transform(averages_, values.begin(),
                         [](std::uint64_t average) { return average * 100 >> kFractionBits; });
  return values;
}

std::string PressureMeter::line(std::string_view name) const {
  const auto [ten, sixty, many] = hundredths();
  return fmt::format("{} avg10={}.{:02} avg60={}.{:02} avg300={}.{:02} total={}\n", name, ten / 100,
                     ten % 100, sixty / 100, sixty % 100, many / 100, many % 100,
                     std::chrono::duration_cast<std::chrono::microseconds>(total_).count());
}

}  // namespace gonzo
