// A report as a run would make it.
#pragma once

#include <initializer_list>

#include "cli/curve/report.h"

namespace gonzo::test {

inline constexpr std::uint64_t kMiB = 1 << 20;

/// A point with runs of these milliseconds.
inline Point point(std::uint64_t mebibytes, std::initializer_list<int> milliseconds) {
  Point point{.memory = mebibytes * kMiB, .reason = {}, .runs = {}};
  for (const int time : milliseconds) {
    const auto real = std::chrono::milliseconds(time);
    point.runs.push_back({.real = real,
                          .major_faults = static_cast<std::uint64_t>(10 * time),
                          .stalled_some = real / 2,
                          .stalled_full = real / 4});
  }
  return point;
}

inline Point failed(std::uint64_t mebibytes, Outcome outcome, std::string reason) {
  return {.memory = mebibytes * kMiB, .outcome = outcome, .reason = std::move(reason), .runs = {}};
}

inline CurveReport example() {
  CurveReport report;
  report.command = {"sort", "-u", "<words> & \"more\""};
  report.swap = "256M";
  report.ample_memory = 2048 * kMiB;
  report.full_speed = point(2048, {98, 100, 103}).runs;
  report.peak = 100 * kMiB;
  Curve linux{.policy = "linux", .points = {}, .knees = {}};
  linux.points = {point(100, {101, 102, 99}), point(50, {104, 130, 103}),
                  point(49, {118, 119, 117}), point(40, {125, 126, 127}), point(12, {2000})};
  linux.knees = {{.within = 0.05, .memory = 50 * kMiB, .too_small = 49 * kMiB},
                 {.within = 0.2, .memory = 49 * kMiB, .too_small = 40 * kMiB}};
  Curve mglru{.policy = "mglru", .points = {}, .knees = {}};
  mglru.points = {point(100, {200}), failed(50, Outcome::kFailed, "status 137, not 0"),
                  failed(25, Outcome::kTimeout, "more than 2.00 s")};
  mglru.knees = {{.within = 0.05, .memory = {}, .too_small = {}}};
  report.curves = {linux, mglru};
  return report;
}

}  // namespace gonzo::test
