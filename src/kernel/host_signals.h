// Signals that reach the runner become the guest's.
#pragma once

#include <memory>

#include "kernel/signal_actions.h"
#include "kernel/task.h"
#include <gonzo/base/result.h>

namespace gonzo {

/// While it lives, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGUSR1 and their like, sent to the
/// runner, are pending for the task, blocking host calls of the task's thread return EINTR, and the
/// guest's blocked and ignored signals are blocked and ignored by the host thread too. Signal
/// handlers belong to a whole host process, so this is the one process-wide registration here:
/// one object at a time (EBUSY). Make and destroy it on the thread that runs the task; threads that
/// do other work must block all signals. Everything is as before when it is destroyed.
class HostSignals {
 public:
  static Result<std::unique_ptr<HostSignals>> install(Task& task);
  virtual ~HostSignals() = default;
  HostSignals(const HostSignals&) = delete;
  HostSignals& operator=(const HostSignals&) = delete;

 protected:
  HostSignals() = default;
};

}  // namespace gonzo
