// Where a program is, as execvp(3) looks for it.
#pragma once

#include <string>

#include <gonzo/base/result.h>

namespace gonzo {

/// `name` itself when it has a slash; else its place in PATH. ENOENT; EACCES: only there without
/// permission to execute it.
Result<std::string> find_program(const std::string& name);

}  // namespace gonzo
