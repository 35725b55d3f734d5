// The kinds of files in /proc, opened. Linux: fs/proc/{base,fd,task_mmu}.c.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/kernel_file.h"
#include "kernel/proc_subject.h"

namespace gonzo {

/// Each takes ownership of `host_fd`, the host's file of that name, opened with `flags`.
struct ProcOpening {
  int host_fd;
  int flags;
  std::string name;  ///< the guest's
  /// Nothing: it is about the machine.
  std::optional<ProcSubject> subject;
  /// Whose status fstat is to show, if not that of `host_fd`; else empty.
  std::string host_path;
};

/// Text that is made when it is read from the start, so that a file which is read in pieces tells
/// of one moment (Linux: seq_file, whose pieces are a page large).
using TextSource = std::function<Result<std::string>()>;
/// Takes what is written to a file at once; how many bytes count as written. None: EINVAL.
using TextSink = std::function<Result<std::uint64_t>(std::string_view text)>;

OpenFileRef open_text(ProcOpening opening, TextSource source, TextSink sink = {});
/// The same where the end is known to lseek.
OpenFileRef open_bytes(ProcOpening opening, TextSource source);
OpenFileRef open_sink(ProcOpening opening, TextSink sink);
OpenFileRef open_pagemap(ProcOpening opening, std::weak_ptr<ProcessMemory> memory);
OpenFileRef open_mem(ProcOpening opening, std::weak_ptr<ProcessMemory> memory);

/// Sorted by position.
using DirectorySource = std::function<std::vector<DirectoryEntry>()>;
OpenFileRef open_directory(ProcOpening opening, DirectorySource source);
/// Linux tells the number of descriptors as /proc/PID/fd's size; other directories have none.
void amend_directory_size(const ProcSubject& subject, struct stat& status);

}  // namespace gonzo
