// What the files of /proc say of the guest's machine, in Linux's exact format. Linux:
// fs/proc/meminfo.c, mm/vmstat.c. Lines and their order are those of the running kernel; what we do
// not have is 0. The machine has one node, and one processor as far as lists of frames go.
#pragma once

#include <string>

#include "kernel/task.h"

namespace gonzo {

/// MemTotal = MemFree + AnonPages + Cached + PageTables and the frames kept for good.
std::string proc_meminfo(Task& task);
std::string proc_vmstat(Task& task);
/// Never-used memory is free in the largest blocks that fit.
std::string proc_buddyinfo(Task& task);
std::string proc_zoneinfo(Task& task);
/// None.
std::string proc_swaps(Task& task);

// /proc/sys/vm
std::string proc_max_map_count(Task& task);
std::string proc_mmap_min_addr(Task& task);
std::string proc_overcommit_memory(Task& task);
std::string proc_overcommit_ratio(Task& task);
std::string proc_overcommit_kbytes(Task& task);

}  // namespace gonzo
