// gonzo run.
#pragma once

#include "cli/options.h"

namespace gonzo {

/// Runs the program; the exit status of the command.
int run_program(const RunOptions& options);

}  // namespace gonzo
