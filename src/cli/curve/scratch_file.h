// A temporary file that nobody else sees.
#pragma once

#include <cstddef>
#include <string>

#include <gonzo/base/result.h>

namespace gonzo {

/// It has no name, and goes when it is closed.
class ScratchFile {
 public:
  /// In TMPDIR, or where large files go. What the host answers.
  static Result<ScratchFile> create();
  ScratchFile(ScratchFile&& other) noexcept;
  ScratchFile& operator=(ScratchFile&& other) noexcept;
  ~ScratchFile();

  int fd() const { return fd_; }
  /// Of no bytes, to be written from the start. EIO and its like.
  Result<void> empty();
  /// At most the last `most` bytes.
  std::string tail(std::size_t most) const;
  bool equals(const ScratchFile& other) const;
  /// Into the file of that name, made or overwritten.
  Result<void> copy_to(const std::string& path) const;

 private:
  explicit ScratchFile(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace gonzo
