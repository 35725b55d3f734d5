// A host file as a BackingFile.
#pragma once

#include <memory>

#include <gonzo/base/lock.h>
#include <gonzo/cache/backing_file.h>

namespace gonzo {

/// Owns a descriptor of its own, close-on-exec, whose file offset nobody else sees where the host
/// allows that (see open). Thread-safe.
class HostFile final : public BackingFile {
 public:
  /// From a descriptor that stays the caller's. The file is opened once more through
  /// /proc/self/fd: so the size can be asked with lseek, less than half the price of fstat, without
  /// moving the caller's offset, and O_APPEND (which would redirect pwrite, see BUGS in pwrite(2))
  /// and O_DIRECT are left behind. Where that is refused, a duplicate serves; one with O_APPEND
  /// then counts as read-only. Errors as of mmap(2): ENODEV when not a regular file, EACCES when
  /// not open for reading, EBADF; EMFILE, ENFILE.
  static Result<std::shared_ptr<HostFile>> open(int descriptor);

  ~HostFile() override;
  HostFile(const HostFile&) = delete;
  HostFile& operator=(const HostFile&) = delete;

  FileIdentity identity() const override { return identity_; }
  Result<std::uint64_t> size() override;
  Result<FileStatus> status() override;
  Result<std::size_t> read_at(std::uint64_t offset,
                              std::span<const std::span<std::byte>> into) override;
  Result<void> write_at(std::uint64_t offset,
                        std::span<const std::span<const std::byte>> from) override;
  Result<void> flush() override;
  bool is_writable() const override { return access_ == FileAccess::kReadWrite; }
  bool is_memory() const override { return medium_ == Medium::kMemory; }
  Result<void> allocate(std::uint64_t offset, std::uint64_t length) override;
  std::uint64_t data_end(std::uint64_t offset) override;
  Result<void> punch_hole(std::uint64_t offset, std::uint64_t length) override;
  Result<void> keep_write_access() override GONZO_EXCLUDES(window_lock_);
  void drop_write_access() override GONZO_EXCLUDES(window_lock_);
  std::string path() const override;

 private:
  enum class FileAccess : std::uint8_t { kRead, kReadWrite };
  enum class Description : std::uint8_t { kOwn, kShared };  ///< who else moves the file offset
  enum class Medium : std::uint8_t { kDisk, kMemory };

  HostFile(int descriptor, FileAccess access, Description description, FileIdentity identity);
  Result<void> write_through_window(std::uint64_t offset,
                                    std::span<const std::span<const std::byte>> from)
      GONZO_EXCLUDES(window_lock_);

  const int descriptor_;
  const FileAccess access_;
  const Description description_;
  const FileIdentity identity_;
  const Medium medium_;
  /// A shared writable mapping of the file from its start, as keep_write_access() needs it.
  Mutex window_lock_;
  std::span<std::byte> window_ GONZO_GUARDED_BY(window_lock_);
};

}  // namespace gonzo
