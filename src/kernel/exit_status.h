// How a process or a thread ended.
#pragma once

namespace gonzo {

/// As wait(2) tells it.
struct ExitStatus {
  int code = 0;    ///< exit code, when `signal` is 0
  int signal = 0;  ///< the signal that killed it
  int shell_status() const { return signal != 0 ? 128 + signal : code; }
};

}  // namespace gonzo
