// What a descriptor in an argument means that stands for a process.
#pragma once

#include "kernel/process_file.h"
#include "syscall/call.h"

namespace gonzo {

/// pidfd's, PIDFD_SELF_THREAD or PIDFD_SELF_THREAD_GROUP, as Linux has them since 6.14.
struct ProcessDescriptor {
  std::shared_ptr<Process> process;  ///< null: waited for
  int id = 0;                        ///< of the thread, where it is of one
  ProcessFile::Of of = ProcessFile::Of::kProcess;
  bool is_nonblocking = false;

  /// The thread, or the first of the process. ESRCH: it has ended.
  Result<std::shared_ptr<Task>> task() const;
};

/// EBADF.
Result<ProcessDescriptor> process_descriptor(Call& call, int fd);
/// The same, or a directory of /proc/PID (Linux: pidfd_to_pid, tgid_pidfd_to_pid).
Result<ProcessDescriptor> process_descriptor_or_directory(Call& call, int fd);

/// A new pidfd of `process` or of its thread `id`, closed by exec. EMFILE.
Result<int> insert_process_descriptor(Call& call, const std::shared_ptr<Process>& process, int id,
                                      ProcessFile::Of of, int status_flags);

}  // namespace gonzo
