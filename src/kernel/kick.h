// A signal of the runner's own, which breaks off a host call of one of its threads.
#pragma once

#include <sys/types.h>

#include <csignal>

namespace gonzo {

/// The last real-time signal: of those that come from outside only it does not reach the guest.
inline constexpr int kKickSignal = 64;

/// Installs its handler, once for the host process; threads must not block it. Linux restarts what
/// it interrupts by itself, but for interruptible_call, which ends.
void install_kick();
/// `thread` of this process, which may be gone.
void kick(pid_t thread);

}  // namespace gonzo
