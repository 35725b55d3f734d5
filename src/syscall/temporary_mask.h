// The signal mask of ppoll, pselect6, epoll_pwait. Linux: set_user_sigmask.
#pragma once

#include "syscall/call.h"

namespace gonzo {

/// Reads the mask that the arguments point to, if any, and puts it in place for the call.
/// EINVAL: a size that is not the kernel's; EFAULT.
Result<void> begin_temporary_mask(Call& call, VirtAddr mask, std::uint64_t size);

/// The result, with the mask put back unless a signal is about to be delivered under it.
std::int64_t end_temporary_mask(Call& call, std::int64_t result);

}  // namespace gonzo
