// One line of /proc/pressure/memory: for what share of the time something was stalled. Linux:
// kernel/sched/psi.c (update_averages), include/linux/sched/loadavg.h (calc_load).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace gonzo {

enum class Stalled : std::uint8_t { kNo, kYes };

/// Not thread-safe. It is told of a moment at least whenever the state changes. The averages are
/// those of a sample every two seconds, as Linux takes them, but need nobody who samples: what
/// happened between two moments is known.
class PressureMeter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kPeriod{2};

  explicit PressureMeter(Time start) : last_(start), period_start_(start) {}

  /// From the last moment told to this one the state was `state`. Earlier moments change nothing.
  void pass(Time now, Stalled state);
  std::chrono::nanoseconds total() const { return total_; }
  /// Percent over 10, 60 and 300 seconds, as of the last whole period; with two digits behind the
  /// point in the integers (Linux: LOAD_INT, LOAD_FRAC).
  std::array<std::uint64_t, 3> hundredths() const;
  /// "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"; the total in microseconds.
  std::string line(std::string_view name) const;

 private:
  void end_periods(std::uint64_t percent, std::uint64_t count);

  Time last_, period_start_;
  std::chrono::nanoseconds total_{0}, in_period_{0};
  std::array<std::uint64_t, 3> averages_{};  ///< in 1/2048 percent
};

}  // namespace gonzo
