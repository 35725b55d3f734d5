// An open file description. Linux: struct file.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>

#include <gonzo/base/result.h>

namespace gonzo {

/// Owns one host descriptor; guest descriptors that dup() each other share one OpenFile.
/// Thread-safe.
class OpenFile {
 public:
  /// Takes ownership of `host_fd`, which is moved out of the way of guest numbers by the caller.
  explicit OpenFile(int host_fd) : host_fd_(host_fd) {}
  virtual ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int host_fd() const { return host_fd_; }
  /// A read comes next, from `offset` or, without one, from the file's own. Files that are made of
  /// text (procfs) are made anew when they are read from the start, as Linux's seq_file does.
  virtual void about_to_read(std::optional<std::int64_t>) const {}
  /// Where fstat must tell another story than the host's descriptor (procfs: mode, size 0).
  virtual void amend_stat(struct stat&) const {}

 private:
  int host_fd_;
};

using OpenFileRef = std::shared_ptr<OpenFile>;

}  // namespace gonzo
