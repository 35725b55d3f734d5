// What `gonzo curve` measures: a program at several sizes of memory.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gonzo {

/// One run of the program that came to its end.
struct Measurement {
  std::chrono::nanoseconds real{0};  ///< from the program's start to its end
  std::uint64_t minor_faults = 0, major_faults = 0;
  std::uint64_t swapped_in = 0, swapped_out = 0;              ///< pages
  std::chrono::nanoseconds stalled_some{0}, stalled_full{0};  ///< as PSI counts
  std::uint64_t peak_bytes = 0;                               ///< of all frames in use
  std::uint64_t reclaimed = 0;                                ///< pages
};

/// The middle one, of an even number the mean of the two; of none 0. And how far they lie apart, as
/// a share of it.
struct Middle {
  double median = 0, spread = 0;
};
Middle middle(std::vector<double> values);

enum class Outcome : std::uint8_t {
  kSame,     ///< ended as with ample memory
  kTimeout,  ///< took longer than it was given
  kFailed,   ///< ended otherwise, or said something else
};

/// One size of memory.
struct Point {
  std::uint64_t memory = 0;  ///< bytes
  Outcome outcome = Outcome::kSame;
  std::string reason;             ///< if it is not kSame
  std::vector<Measurement> runs;  ///< at least one if it is

  /// In nanoseconds.
  Middle real() const;
  double major_faults() const;
  /// In nanoseconds, of some task.
  double stalled() const;
};

/// The least memory at which the program is nearly as fast as with ample.
struct Knee {
  double within = 0;  ///< 0.05: at most 5 % slower
  /// None: it was too slow at every size that was tried.
  std::optional<std::uint64_t> memory;
  /// The largest size below at which it was too slow; none: no smaller one was tried.
  std::optional<std::uint64_t> too_small;

  /// How much less might do, as a share of `memory`. 1 if it is not known.
  double resolution() const;
};

struct Curve {
  std::string policy;
  std::vector<Point> points;  ///< the largest size first
  std::vector<Knee> knees;
};

struct CurveReport {
  std::vector<std::string> command;
  std::string swap;  ///< as it was asked for
  std::uint64_t ample_memory = 0;
  std::vector<Measurement> full_speed;  ///< the runs with ample memory
  std::uint64_t peak = 0;               ///< bytes that were in use at most, page cache included
  int status = 0;                       ///< the program's
  bool output_varies = false;           ///< between runs with ample memory: it was not compared
  std::chrono::nanoseconds timeout{0};
  std::vector<Curve> curves;
  int stopped_by = 0;  ///< a signal: it is not complete

  Middle full_real() const;
};

}  // namespace gonzo
