// A host system call that a guest's signal interrupts, without the race between looking and
// blocking.
#pragma once

#include <array>
#include <cstdint>

#include "kernel/task.h"

namespace gonzo {

/// The raw host call's result (-errno in failure). -EINTR also when a signal came before the call
/// began: from the moment that `task.attention()` was found clear to the host's call instruction,
/// kick.cc's handler steps back out instead. Use for every call that may block for long.
std::int64_t interruptible_call(Task& task, long number,
                                const std::array<std::uint64_t, 6>& arguments);

}  // namespace gonzo
