// The explanation of an address in a guest's process.
#pragma once

#include "kernel/signal_info.h"
#include "kernel/task.h"
#include "observe/explanation.h"

namespace gonzo {

/// The task's registers too: on its own host thread, or when it runs no more.
Explanation explain_in(Task& task, VirtAddr address);

/// Whether the signal says at which address something went wrong: a fault's, not one that somebody
/// sent (siginfo_t's si_addr; sigaction(2)).
bool has_address(const SignalInfo& info);
/// The address that `info` has, as above; the signal is about to end the task's process.
Explanation explain_death(Task& task, const SignalInfo& info);

}  // namespace gonzo
