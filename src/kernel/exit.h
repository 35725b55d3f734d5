// The end of threads and processes. Linux: kernel/exit.c.
#pragma once

#include "kernel/task.h"
#include "kernel/usage.h"

namespace gonzo {

/// A task that has left the run loop: what it promised to others happens (its id in memory becomes
/// 0, robust futexes are released), and with the last one its process ends. Call on its own host
/// thread; nothing of the task may be used by it afterwards but by who holds a reference.
void end_task(Task& task);

/// What the process has used so far, its children not.
Usage usage_of(Process& process);

/// exec and exit: what of this thread lives in the memory that it leaves (Linux: mm_release).
void leave_memory(Task& task);

}  // namespace gonzo
