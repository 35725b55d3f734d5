// gonzo curve.
#pragma once

#include "cli/options.h"

namespace gonzo {

/// Measures the program, and prints and draws what it found; the exit status of the command.
int run_curve(const CurveOptions& options);

}  // namespace gonzo
