// gonzo explain: asks a run about addresses.
#pragma once

#include "cli/options.h"

namespace gonzo {

/// The command's exit status.
int run_explain(const ExplainOptions& options);

}  // namespace gonzo
