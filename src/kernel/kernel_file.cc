#include "kernel/kernel_file.h"

#include <fcntl.h>
#include <unistd.h>

namespace gonzo {
namespace {

constexpr bool may_read(int flags) {
  return (flags & O_PATH) == 0 && (flags & O_ACCMODE) != O_WRONLY;
}
constexpr bool may_write(int flags) {
  return (flags & O_PATH) == 0 && (flags & O_ACCMODE) != O_RDONLY;
}

}  // namespace

Result<std::uint64_t> KernelFile::read(AddressSpace& memory, VirtAddr to, std::uint64_t length,
                                       std::optional<std::uint64_t> offset) {
  if (!may_read(flags_)) return fail(Errno::kBadF);
  const LockGuard guard(lock_);
  if (!offset) return read_at(memory, to, length, position_);
  return read_at(memory, to, length, *offset);
}

Result<std::uint64_t> KernelFile::write(AddressSpace& memory, VirtAddr from, std::uint64_t length,
                                        std::optional<std::uint64_t> offset) {
  // Text has no place to write at (Linux: seq_open takes FMODE_PWRITE away).
  if (offset && seek_kind() == SeekKind::kText) return fail(Errno::kSPipe);
  if (!may_write(flags_)) return fail(Errno::kBadF);
  const LockGuard guard(lock_);
  if (!offset) return write_at(memory, from, length, position_);
  return write_at(memory, from, length, *offset);
}

Result<std::uint64_t> KernelFile::seek(std::int64_t offset, int whence) {
  if ((flags_ & O_PATH) != 0) return fail(Errno::kBadF);
  const LockGuard guard(lock_);
  if (whence < SEEK_SET || whence > SEEK_HOLE) return fail(Errno::kInval);
  const SeekKind kind = seek_kind();
  if (kind == SeekKind::kNone) return fail(Errno::kSPipe);
  if (kind == SeekKind::kNowhere) return position_;
  std::uint64_t target = static_cast<std::uint64_t>(offset);
  if (whence == SEEK_CUR) target += position_;
  const bool from_end = whence != SEEK_SET && whence != SEEK_CUR;
  if (from_end && (kind != SeekKind::kFixedSize || whence != SEEK_END)) return fail(Errno::kInval);
  if (kind != SeekKind::kAddress && static_cast<std::int64_t>(target) < 0) {
    return fail(Errno::kInval);
  }
  position_ = target;
  return position_;
}

Result<void> KernelFile::list(Append append) {
  if (!may_read(flags_)) return fail(Errno::kBadF);
  const LockGuard guard(lock_);
  GONZO_ASSIGN(const std::vector<DirectoryEntry> all, entries());
  for (const DirectoryEntry& entry : all) {
    if (entry.position < position_) continue;
    if (!append(entry, entry.position + 1)) break;
    position_ = entry.position + 1;
  }
  return {};
}

Result<std::uint64_t> KernelFile::read_at(AddressSpace&, VirtAddr, std::uint64_t, std::uint64_t&) {
  return fail(Errno::kInval);
}

Result<std::uint64_t> KernelFile::write_at(AddressSpace&, VirtAddr, std::uint64_t, std::uint64_t&) {
  return fail(Errno::kInval);
}

Result<std::vector<DirectoryEntry>> KernelFile::entries() { return fail(Errno::kNotDir); }

}  // namespace gonzo
