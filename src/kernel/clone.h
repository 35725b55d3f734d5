// New tasks: fork, vfork, clone, clone3, pthread_create. Linux: kernel/fork.c.
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/task.h"
#include <gonzo/base/result.h>
#include <gonzo/machine/user_descriptor.h>

namespace gonzo {

/// As clone3(2) has them.
struct CloneRequest {
  std::uint64_t flags = 0;  ///< CLONE_*, without the exit signal
  int exit_signal = 0;
  std::uint64_t stack_pointer = 0;        ///< 0: the caller's own
  VirtAddr parent_tid, child_tid;         ///< for CLONE_PARENT_SETTID, CLONE_CHILD_*TID
  std::uint64_t tls = 0;                  ///< CLONE_SETTLS
  std::optional<UserDescriptor> segment;  ///< CLONE_SETTLS of i386; has a place among the thread's
  VirtAddr pidfd;                         ///< for CLONE_PIDFD
};

/// The new task's id. Its registers are the caller's with rax 0. EINVAL: flags that do not go
/// together, or that are not known; EPERM: namespaces; EAGAIN: as many as RLIMIT_NPROC allows;
/// EAGAIN, ENOMEM: no room for another; EMFILE, EFAULT: no pidfd.
Result<int> clone_task(Task& parent, const CloneRequest& request);

}  // namespace gonzo
