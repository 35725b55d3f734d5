// Sleeping, so that a signal without a handler does not shorten or lengthen it.
#pragma once

#include <chrono>
#include <ctime>

#include "syscall/call.h"
#include <gonzo/base/cpu_clock_number.h>

namespace gonzo {

bool is_valid(const timespec& time);

timespec to_timespec(std::chrono::nanoseconds time);
/// At most what nanoseconds can hold.
std::chrono::nanoseconds to_duration(const timespec& time);

/// Until `deadline` of `clock`, which may be one of CPU time. 0, or -EINTR when a signal came
/// first, or what the host says of the clock.
std::int64_t sleep_until(Call& call, clockid_t clock, const timespec& deadline);

/// What a process or a thread has used. EINVAL: nobody's, another process's thread.
Result<std::chrono::nanoseconds> cpu_time(Call& call, const CpuClockNumber& number);
/// Of a clock that sleeps can go by. Also the host's errors.
Result<timespec> time_now(Call& call, clockid_t clock);
timespec after(const timespec& now, const timespec& duration);
/// `duration` after now, by a clock of the host's. The host's errors.
Result<timespec> deadline_after(clockid_t clock, const timespec& duration);
timespec time_left(const timespec& now, const timespec& deadline);

}  // namespace gonzo
