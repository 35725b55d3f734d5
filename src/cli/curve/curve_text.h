// A report for people.
#pragma once

#include <string>

#include "cli/curve/report.h"

namespace gonzo {

/// Tables, knees and a plot of characters, in lines of at most 80 columns.
std::string curve_text(const CurveReport& report);
/// One line.
std::string curve_json(const CurveReport& report);

// What texts and drawings have in common.

/// "1.234 s", "56.7 ms".
std::string duration_text(double nanoseconds);
/// "120.3M", in the units that --memory takes, with a digit behind the point.
std::string memory_text(std::uint64_t bytes);
/// "12345", "1.23M".
std::string count_text(double count);

}  // namespace gonzo
