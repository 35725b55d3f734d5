// What the files of /proc/PID say, in Linux's exact format. Linux: fs/proc/{array,base}.c,
// fs/proc/task_mmu.c.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernel/proc_subject.h"
#include <gonzo/base/result.h>

namespace gonzo {

/// Of a memory that was looked up when the file was opened.
using ProcMemoryText = std::string (*)(AddressSpace&);
std::string proc_maps(AddressSpace& memory);
std::string proc_smaps(AddressSpace& memory);
std::string proc_smaps_rollup(AddressSpace& memory);
std::string proc_numa_maps(AddressSpace& memory);
std::string proc_environ(AddressSpace& memory);

/// Of whoever it is about at the moment; what is left of one that has ended.
using ProcText = std::string (*)(const ProcSubject&);
std::string proc_personality(const ProcSubject& subject);
std::string proc_children(const ProcSubject& subject);
/// Lines that are the same for runner and guest (credentials, processors) come from the host's
/// file, so the set of lines is that of the running kernel.
std::string proc_status(const ProcSubject& subject);
std::string proc_stat(const ProcSubject& subject);
std::string proc_statm(const ProcSubject& subject);
std::string proc_cmdline(const ProcSubject& subject);
std::string proc_auxv(const ProcSubject& subject);
std::string proc_comm(const ProcSubject& subject);
std::string proc_limits(const ProcSubject& subject);

/// What is written to files. How many bytes were taken; EINVAL.
using ProcSink = Result<std::uint64_t> (*)(const ProcSubject&, std::string_view text);
Result<std::uint64_t> proc_set_comm(const ProcSubject& subject, std::string_view text);
Result<std::uint64_t> proc_clear_refs(const ProcSubject& subject, std::string_view text);

}  // namespace gonzo
