// Signals that reach the runner become the guest's.
#pragma once

#include <memory>

#include "kernel/signal_info.h"
#include "kernel/system.h"
#include <gonzo/base/result.h>

namespace gonzo {

/// What a signal from outside becomes: the terminal's (^C, ^Z, a changed window) go to its
/// foreground group, the rest to the first process, or when that has ended to all.
void hand_on_signal(System& system, const SignalInfo& info);

/// From its making on, signals to the runner are held back for wait_for_end(), which hands them on.
/// While it lives the runner ignores SIGPIPE. Signal masks are inherited by the threads that are
/// made afterwards, so make it first, on the main thread. Everything is as before when it is
/// destroyed.
class HostSignals {
 public:
  static std::unique_ptr<HostSignals> install(System& system);
  virtual ~HostSignals() = default;
  HostSignals(const HostSignals&) = delete;
  HostSignals& operator=(const HostSignals&) = delete;

  /// Until no task runs any more. When all that the user's shell sees has been stopped, the runner
  /// stops too, until it is continued.
  virtual void wait_for_end() = 0;

 protected:
  HostSignals() = default;
};

}  // namespace gonzo
