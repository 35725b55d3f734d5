// The files of /proc that tell about the guest instead of the runner. Linux: fs/proc.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/open_file.h"
#include "kernel/task.h"
#include <gonzo/base/result.h>

namespace gonzo {

/// One file or link that is ours. Valid as long as the task.
class ProcNode {
 public:
  using Generator = std::string (*)(Task&);

  static ProcNode text(Task& task, Generator generator, mode_t mode, std::uint64_t inode);
  static ProcNode link(std::string target, std::string host_path, std::uint64_t inode);

  bool is_link() const { return generator_ == nullptr; }
  /// readlink's answer.
  const std::string& target() const { return target_; }
  /// Links: what to ask the host for in place of the guest's path, when a call follows the link
  /// (open, stat). It may differ from the target, which for a pipe is no path at all.
  const std::string& host_path() const { return host_path_; }
  /// Not for links. A file that holds the text of now, and is made anew when it is read from the
  /// start.
  /// Flags as in open(2). EACCES for writing; ENFILE, ENOMEM, EMFILE.
  Result<OpenFileRef> open(int flags) const;
  /// What lstat says.
  struct stat stat() const;

 private:
  Task* task_ = nullptr;
  Generator generator_ = nullptr;
  std::string target_, host_path_;
  mode_t mode_ = 0;
  std::uint64_t inode_ = 0;
};

/// Below /proc/self, /proc/thread-self and /proc/<own pid>: maps, status, stat, statm, cmdline,
/// environ, auxv, comm, limits, exe, fd/N; also /proc/meminfo, /proc/sysvipc/shm, /dev/fd/N,
/// /dev/stdin and its like. Repeated slashes and "." are skipped, ".." and other links are not
/// followed. Empty: not ours, ask the host.
std::optional<ProcNode> find_proc(Task& task, std::string_view absolute_path);

}  // namespace gonzo
