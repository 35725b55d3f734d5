// CPU time of guest processes and their threads, as the host tells it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>

namespace gonzo {

/// Of all threads of a process, exactly. Nothing: it has ended.
std::optional<std::chrono::nanoseconds> process_cpu_time(pid_t process);

/// Of a thread of another process: as of the host's last tick, if it runs. Nothing: it has ended,
/// or the host does not say (no CONFIG_SCHED_INFO).
std::optional<std::chrono::nanoseconds> thread_cpu_time(pid_t process, pid_t thread);

}  // namespace gonzo
