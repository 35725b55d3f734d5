// Why a program could not be started.
#pragma once

#include <string>

#include <gonzo/base/result.h>

namespace gonzo {

struct ExecError {
  Errno error;       ///< what execve would return
  std::string text;  ///< one line for a person: what is wrong with which file
  /// Not 0: Linux finds this out after it has thrown the old program away, so that execve cannot
  /// return any more and the process dies of this signal (fs/exec.c: point_of_no_return).
  int signal = 0;
};

template <typename T>
using ExecOutcome = std::expected<T, ExecError>;

}  // namespace gonzo
