// What the files of /proc say, in Linux's exact format. Linux: fs/proc/{array,base,meminfo}.c,
// fs/proc/task_mmu.c.
#pragma once

#include <string>

#include "kernel/task.h"

namespace gonzo {

std::string proc_maps(Task& task);
/// Lines that are the same for runner and guest (credentials, processors) come from the host's
/// file, so the set of lines is that of the running kernel.
std::string proc_status(Task& task);
std::string proc_stat(Task& task);
std::string proc_statm(Task& task);
std::string proc_cmdline(Task& task);
std::string proc_environ(Task& task);
std::string proc_auxv(Task& task);
std::string proc_comm(Task& task);
std::string proc_limits(Task& task);
/// The guest's machine: what we do not have is 0.
std::string proc_meminfo(Task& task);

}  // namespace gonzo
