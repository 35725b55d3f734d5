// The few instructions in which a call has looked for signals but not begun to block.
#pragma once

#include <cstdint>

namespace gonzo {

/// Where a thread that a signal handler found at `rip` must go on: `rip`, or the way out with
/// -EINTR. Async-signal-safe.
std::uintptr_t leave_interruptible_window(std::uintptr_t rip);

}  // namespace gonzo
