// What the files of /proc say of the guest's machine, in Linux's exact format. Linux:
// fs/proc/meminfo.c, mm/vmstat.c. Lines and their order are those of the running kernel; what we do
// not have is 0. The machine has one node, and one processor as far as lists of frames go.
#pragma once

#include <string>

#include "kernel/system.h"

namespace gonzo {

/// MemTotal = MemFree + AnonPages + Cached + PageTables + Slab + VmallocUsed and the frames kept
/// for good.
std::string proc_meminfo(System& system);
std::string proc_vmstat(System& system);
/// Never-used memory is free in the largest blocks that fit.
std::string proc_buddyinfo(System& system);
std::string proc_zoneinfo(System& system);
std::string proc_slabinfo(System& system);
std::string proc_vmallocinfo(System& system);
/// None.
std::string proc_swaps(System& system);

// /proc/sys/vm
std::string proc_max_map_count(System& system);
std::string proc_mmap_min_addr(System& system);
std::string proc_overcommit_memory(System& system);
std::string proc_overcommit_ratio(System& system);
std::string proc_overcommit_kbytes(System& system);

}  // namespace gonzo
