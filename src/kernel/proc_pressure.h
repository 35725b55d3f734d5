// /proc/pressure: how much a shortage of memory costs. Linux: kernel/sched/psi.c,
// Documentation/accounting/psi.rst. There is the file of memory alone: who waits for a processor or
// a disk only the host knows.
#pragma once

#include "kernel/proc_files.h"
#include "kernel/system.h"

namespace gonzo {

// For ProcNode::file. Writing to the file, which asks for a trigger, is EOPNOTSUPP.
Result<OpenFileRef> open_pressure(ProcOpening&& opening, System& system);
Result<OpenFileRef> open_pressure_memory(ProcOpening&& opening, System& system);

}  // namespace gonzo
