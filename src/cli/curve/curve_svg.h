// A report as a drawing.
#pragma once

#include <string>
#include <vector>

#include "cli/curve/report.h"

namespace gonzo {

/// An SVG document of three panels over one axis of memory: run time with its spread and the knees,
/// major faults, stalls. A line a policy. It refers to nothing outside.
std::string curve_svg(const CurveReport& report);

/// Round values from 0 to `most` at least, three to six steps of them: 0, 20, 40, 60.
std::vector<double> round_ticks(double most);

}  // namespace gonzo
