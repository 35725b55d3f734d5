// Signals taken by a call instead of a handler: sigtimedwait(2), signalfd(2).
#pragma once

#include <ctime>
#include <optional>

#include "syscall/call.h"

namespace gonzo {

/// The caller's own signals first, then its process's.
std::optional<SignalInfo> take_pending(Call& call, SignalSet set);

/// Sleeps until a signal of `set` is there. EINTR: another one is to be delivered; EAGAIN: the
/// deadline (CLOCK_MONOTONIC) is over.
Result<SignalInfo> await_signal(Call& call, SignalSet set, const std::optional<timespec>& deadline);

}  // namespace gonzo
