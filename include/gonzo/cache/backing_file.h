// A file as the page cache sees it: the one way by which cached pages reach the host.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <gonzo/base/result.h>

namespace gonzo {

/// What makes two opens the same file (Linux: i_sb->s_dev and i_ino).
struct FileIdentity {
  std::uint32_t device_major = 0, device_minor = 0;
  std::uint64_t inode = 0;

  constexpr auto operator<=>(const FileIdentity&) const = default;
};

/// stat(2), as far as a cache needs it.
struct FileStatus {
  std::uint64_t size = 0;        ///< bytes
  std::int64_t modified_ns = 0;  ///< mtime
  std::int64_t changed_ns = 0;   ///< ctime
  std::uint64_t links = 1;       ///< 0: deleted, lives as long as it is open
  /// The times are old enough that another change must move them. False right after a change:
  /// clocks that stamp files tick coarsely, and two changes in one tick look alike.
  bool settled = true;

  /// May bytes that were read at `earlier` still be served?
  bool unchanged_since(const FileStatus& earlier) const {
    return earlier.settled && same_stamp(earlier);
  }
  bool same_stamp(const FileStatus& other) const {
    return size == other.size && modified_ns == other.modified_ns && changed_ns == other.changed_ns;
  }
};

/// Embedders implement this for their own files. All operations are thread-safe. Offsets and
/// lengths are bytes.
class BackingFile {
 public:
  virtual ~BackingFile() = default;

  /// Never changes, and names no other file while this object lives.
  virtual FileIdentity identity() const = 0;
  /// Asked at every fault, so it should be cheap (Linux: i_size_read).
  virtual Result<std::uint64_t> size() = 0;
  virtual Result<FileStatus> status() = 0;
  /// Fills `into` in order from `offset` (preadv). The count of bytes read, which is less than
  /// asked only at the end of the file or before bytes that cannot be read; the error when that is
  /// the very first byte.
  virtual Result<std::size_t> read_at(std::uint64_t offset,
                                      std::span<const std::span<std::byte>> into) = 0;
  /// Writes all of `from` at `offset` (pwritev), or fails: EIO, ENOSPC, EDQUOT, EBADF when not
  /// writable.
  virtual Result<void> write_at(std::uint64_t offset,
                                std::span<const std::span<const std::byte>> from) = 0;
  /// What was written is on stable storage when this returns (fdatasync). EIO, ENOSPC.
  virtual Result<void> flush() = 0;
  virtual bool is_writable() const = 0;

  // Files in memory: tmpfs, memfd.
  /// There is nothing behind it that could last: its pages count as shared memory.
  virtual bool is_memory() const { return false; }
  /// A file in memory has a page from its first touch on, be it by a read (Linux: shmem_fault).
  /// ENOSPC, ENOMEM.
  virtual Result<void> allocate(std::uint64_t /*offset*/, std::uint64_t /*length*/) { return {}; }
  /// Where the bytes at `offset` that are not of a hole end; `offset` itself in a hole. May know of
  /// no holes.
  virtual std::uint64_t data_end(std::uint64_t /*offset*/) { return ~std::uint64_t{0}; }
  /// The bytes become a hole (fallocate). EOPNOTSUPP; EPERM: sealed; EBADF: not writable.
  virtual Result<void> punch_hole(std::uint64_t /*offset*/, std::uint64_t /*length*/) {
    return fail(Errno::kOpNotSupp);
  }
  /// write_at() goes on working after the file is sealed against writes to come
  /// (F_SEAL_FUTURE_WRITE). ENOMEM.
  virtual Result<void> keep_write_access() { return {}; }
  /// Ends that: while it lasts the host counts a writer, and refuses F_SEAL_WRITE.
  virtual void drop_write_access() {}

  /// As /proc/PID/maps names it, " (deleted)" included.
  virtual std::string path() const = 0;
};

}  // namespace gonzo
