// What the files of /proc/PID say, in Linux's exact format. Linux: fs/proc/{array,base}.c,
// fs/proc/task_mmu.c.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernel/task.h"
#include <gonzo/base/result.h>

namespace gonzo {

std::string proc_maps(Task& task);
std::string proc_smaps(Task& task);
std::string proc_smaps_rollup(Task& task);
std::string proc_numa_maps(Task& task);
std::string proc_oom_score(Task& task);
std::string proc_personality(Task& task);
std::string proc_children(Task& task);
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

/// What is written to files. How many bytes were taken; EINVAL.
Result<std::uint64_t> proc_set_comm(Task& task, std::string_view text);
Result<std::uint64_t> proc_clear_refs(Task& task, std::string_view text);

}  // namespace gonzo
