// Anonymous files whose pages may be executed.
#pragma once

#include <cstddef>
#include <utility>

#include <gonzo/base/result.h>

namespace gonzo {

/// Owns a descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { reset(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

/// A close-on-exec memfd of `bytes`, all zeros (memfd_create(2)). ENOMEM, EMFILE, ENFILE;
/// EFBIG: RLIMIT_FSIZE is less.
Result<FileDescriptor> create_memory_file(const char* name, std::size_t bytes);

}  // namespace gonzo
