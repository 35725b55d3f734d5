// Sleeping, so that a signal without a handler does not shorten or lengthen it.
#pragma once

#include <ctime>

#include "syscall/call.h"

namespace gonzo {

bool is_valid(const timespec& time);

/// Until `deadline` of `clock`. 0, or -EINTR when a signal came first, or what the host says of the
/// clock.
std::int64_t sleep_until(Call& call, clockid_t clock, const timespec& deadline);

/// `duration` after now. Also the host's errors.
Result<timespec> deadline_after(clockid_t clock, const timespec& duration);
timespec time_left(clockid_t clock, const timespec& deadline);

}  // namespace gonzo
