// How a process or a thread ended.
#pragma once

#include <csignal>

namespace gonzo {

/// As wait(2) tells it.
struct ExitStatus {
  int code = 0;    ///< exit code, when `signal` is 0
  int signal = 0;  ///< the signal that killed it
  int shell_status() const { return signal != 0 ? 128 + signal : code; }
  /// As SIGCHLD and waitid(2) tell it: si_code and si_status.
  int child_code() const { return signal != 0 ? CLD_KILLED : CLD_EXITED; }
  int child_status() const { return signal != 0 ? signal : code; }
};

}  // namespace gonzo
