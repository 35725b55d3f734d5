// A file whose bytes are made or taken here, not by the host: what /proc says of the guest.
// Linux: struct file_operations.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel/open_file.h"
#include <gonzo/base/address.h>
#include <gonzo/base/function_ref.h>
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/vma/mapped_object.h>

namespace gonzo {

class AddressSpace;

/// Of a directory, as getdents64 gives it.
struct DirectoryEntry {
  std::string name;
  std::uint64_t inode = 0;
  unsigned char type = 0;  ///< DT_*
  /// Its place in the directory, whatever else comes and goes.
  std::uint64_t position = 0;
};

/// Behind it stands the host's file of the same name, for all that is not its contents: mode,
/// owner, times, poll, what cannot be done with it. Thread-safe.
class KernelFile : public OpenFile {
 public:
  /// `flags` as the file was opened with, for its access mode.
  KernelFile(int host_fd, int flags, std::string name = {})
      : OpenFile(host_fd), flags_(flags), name_(std::move(name)) {}

  KernelFile* kernel_file() final { return this; }
  /// What mmap(2) maps; null: ENODEV.
  virtual ObjectRef mapped_object() const { return nullptr; }
  /// The guest's path of it.
  std::string name() const override { return name_; }

  /// Up to `length` bytes into or from guest memory, at `offset` or, without one, at the file's own
  /// position, which moves. How many were; 0 is the end. EBADF: not opened for that; EINVAL: such
  /// a file cannot; ESPIPE: not at an offset; EFAULT; others by the kind of file.
  Result<std::uint64_t> read(AddressSpace& memory, VirtAddr to, std::uint64_t length,
                             std::optional<std::uint64_t> offset) GONZO_EXCLUDES(lock_);
  Result<std::uint64_t> write(AddressSpace& memory, VirtAddr from, std::uint64_t length,
                              std::optional<std::uint64_t> offset) GONZO_EXCLUDES(lock_);
  /// lseek(2): the new position. EINVAL.
  Result<std::uint64_t> seek(std::int64_t offset, int whence) GONZO_EXCLUDES(lock_);
  /// Directories, whose entries are in order of their positions: as they are encoded by `append`
  /// from the position on, until it says that there is no more room; the position moves past those
  /// taken. `append` is told where the next entry begins. ENOTDIR.
  using Append = FunctionRef<bool(const DirectoryEntry& entry, std::uint64_t next)>;
  Result<void> list(Append append) GONZO_EXCLUDES(lock_);

 protected:
  /// One at a time. A write to a write-only file may move `position` as it likes.
  virtual Result<std::uint64_t> read_at(AddressSpace& memory, VirtAddr to, std::uint64_t length,
                                        std::uint64_t& position) GONZO_REQUIRES(lock_);
  virtual Result<std::uint64_t> write_at(AddressSpace& memory, VirtAddr from, std::uint64_t length,
                                         std::uint64_t& position) GONZO_REQUIRES(lock_);
  virtual Result<std::vector<DirectoryEntry>> entries() GONZO_REQUIRES(lock_);
  /// What the file's position may be and SEEK_END means.
  enum class SeekKind : std::uint8_t {
    kText,       ///< not from the end (Linux: seq_lseek)
    kFixedSize,  ///< the end is 0 (Linux: generic_file_llseek on a file of size 0)
    kAddress,    ///< not from the end, and any number (Linux: mem_lseek)
    kNowhere,    ///< stays (Linux: noop_llseek)
    kNone,       ///< ESPIPE
  };
  virtual SeekKind seek_kind() const { return SeekKind::kText; }

  mutable Mutex lock_;

 private:
  const int flags_;
  const std::string name_;
  std::uint64_t position_ GONZO_GUARDED_BY(lock_) = 0;
};

}  // namespace gonzo
