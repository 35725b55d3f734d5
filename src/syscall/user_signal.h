// Actions, stacks and siginfo in the caller's layout. Linux: kernel/signal.c (compat_sys_*).
#pragma once

#include "kernel/signal_actions.h"
#include "kernel/signal_info.h"
#include "syscall/call.h"

namespace gonzo {

/// Marks the action as i386's where the call is. EFAULT, as all of these.
Result<SignalAction> load_action(Call& call, VirtAddr from);
Result<void> store_action(Call& call, VirtAddr to, const SignalAction& action);

Result<SignalStack> load_signal_stack(Call& call, VirtAddr from);
Result<void> store_signal_stack(Call& call, VirtAddr to, const SignalStack& stack);

Result<SignalInfo> load_signal_info(Call& call, VirtAddr from);
Result<void> store_signal_info(Call& call, VirtAddr to, const SignalInfo& info);

}  // namespace gonzo
