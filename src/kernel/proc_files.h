// The kinds of files in /proc, opened. Linux: fs/proc/{base,fd,task_mmu}.c.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/kernel_file.h"
#include "kernel/task.h"

namespace gonzo {

/// Text that is made when it is read from the start, so that a file which is read in pieces tells
/// of one moment (Linux: seq_file, whose pieces are a page large).
using ProcText = std::string (*)(Task&);
/// Takes what is written to a file at once; how many bytes count as written.
using ProcSink = Result<std::uint64_t> (*)(Task&, std::string_view text);

/// Each takes ownership of `host_fd`, the host's file of that name, opened with `flags`. The task
/// outlives the file.
struct ProcOpening {
  Task& task;
  int host_fd;
  int flags;
};

/// `sink` may be null: EINVAL for writes.
OpenFileRef open_proc_text(const ProcOpening& opening, ProcText text, ProcSink sink);
/// The same where the end is known to lseek.
OpenFileRef open_proc_bytes(const ProcOpening& opening, ProcText text);
OpenFileRef open_proc_sink(const ProcOpening& opening, ProcSink sink);
OpenFileRef open_proc_pagemap(const ProcOpening& opening);
OpenFileRef open_proc_mem(const ProcOpening& opening);

using ProcListing = std::vector<DirectoryEntry> (*)(Task&);
OpenFileRef open_proc_directory(const ProcOpening& opening, ProcListing listing);
/// Linux tells the number of descriptors as /proc/PID/fd's size; other directories have none.
void amend_directory_stat(Task& task, struct stat& status);

}  // namespace gonzo
