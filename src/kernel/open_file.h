// An open file description. Linux: struct file.
#pragma once

#include <sys/stat.h>

#include <memory>

#include <gonzo/base/result.h>

namespace gonzo {

class KernelFile;

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
  /// Null where the host reads and writes.
  virtual KernelFile* kernel_file() { return nullptr; }
  /// Where fstat must tell another story than the host's descriptor (a directory's size).
  virtual void amend_stat(struct stat&) const {}

 private:
  int host_fd_;
};

using OpenFileRef = std::shared_ptr<OpenFile>;

}  // namespace gonzo
