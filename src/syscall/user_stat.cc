// What stat(2) and statfs(2) tell, for both kinds of callers. Linux: cp_compat_stat (fs/stat.c),
// cp_stat64 (arch/x86/kernel/sys_ia32.c), put_compat_statfs (fs/statfs.c).
#include <sys/sysmacros.h>

#include <cstring>
#include <limits>

#include "syscall/user_types.h"

namespace gonzo {
namespace {

/// struct compat_stat.
struct OldStat {
  std::uint32_t device, inode;
  std::uint16_t mode, links, user, group;
  std::uint32_t special_device, size, block_size, blocks;
  std::uint32_t accessed, accessed_ns, modified, modified_ns, changed, changed_ns;
  std::array<std::uint32_t, 2> unused;
};
static_assert(sizeof(OldStat) == 64);

/// struct stat64 of i386, where 64-bit numbers are aligned to 4 bytes.
struct [[gnu::packed]] LargeStat {
  std::uint64_t device;
  std::uint32_t padding0, short_inode, mode, links, user, group;
  std::uint64_t special_device;
  std::uint32_t padding3;
  std::int64_t size;
  std::uint32_t block_size;
  std::int64_t blocks;
  std::uint32_t accessed, accessed_ns, modified, modified_ns, changed, changed_ns;
  std::uint64_t inode;
};
static_assert(sizeof(LargeStat) == 96);

struct [[gnu::packed]] OldStatfs {
  std::uint32_t type, block_size, blocks, free, available, files, free_files;
  std::array<std::uint32_t, 2> id;
  std::uint32_t name_length, fragment_size, flags;
  std::array<std::uint32_t, 4> spare;
};
static_assert(sizeof(OldStatfs) == 64);

struct [[gnu::packed]] LargeStatfs {
  std::uint32_t type, block_size;
  std::uint64_t blocks, free, available, files, free_files;
  std::array<std::uint32_t, 2> id;
  std::uint32_t name_length, fragment_size, flags;
  std::array<std::uint32_t, 4> spare;
};
static_assert(sizeof(LargeStatfs) == 84);

std::uint32_t low(auto value) { return static_cast<std::uint32_t>(value); }

/// Linux: new_encode_dev, all that the 64-bit field ever holds.
std::uint32_t encode_device(dev_t device) {
  return (minor(device) & 0xff) | major(device) << 8 | (minor(device) & ~0xffU) << 12;
}

/// Linux: high2lowuid.
std::uint16_t narrow_id(std::uint32_t id) {
  constexpr std::uint16_t kOverflow = 65534;
  return id > 0xffff ? kOverflow : static_cast<std::uint16_t>(id);
}

Result<OldStat> to_old(const struct stat& s) {
  const bool device_fits = major(s.st_dev) < 256 && minor(s.st_dev) < 256;
  if (!device_fits || s.st_size > std::numeric_limits<std::int32_t>::max() ||
      s.st_ino > UINT32_MAX || s.st_nlink > UINT16_MAX) {
    return fail(Errno::kOverflow);
  }
  return OldStat{.device = encode_device(s.st_dev),
                 .inode = low(s.st_ino),
                 .mode = static_cast<std::uint16_t>(s.st_mode),
                 .links = static_cast<std::uint16_t>(s.st_nlink),
                 .user = narrow_id(s.st_uid),
                 .group = narrow_id(s.st_gid),
                 .special_device = encode_device(s.st_rdev),
                 .size = low(s.st_size),
                 .block_size = low(s.st_blksize),
                 .blocks = low(s.st_blocks),
                 .accessed = low(s.st_atim.tv_sec),
                 .accessed_ns = low(s.st_atim.tv_nsec),
                 .modified = low(s.st_mtim.tv_sec),
                 .modified_ns = low(s.st_mtim.tv_nsec),
                 .changed = low(s.st_ctim.tv_sec),
                 .changed_ns = low(s.st_ctim.tv_nsec),
                 .unused = {}};
}

LargeStat to_large(const struct stat& s) {
  return {.device = encode_device(s.st_dev),
          .padding0 = 0,
          .short_inode = low(s.st_ino),
          .mode = s.st_mode,
          .links = low(s.st_nlink),
          .user = s.st_uid,
          .group = s.st_gid,
          .special_device = encode_device(s.st_rdev),
          .padding3 = 0,
          .size = s.st_size,
          .block_size = low(s.st_blksize),
          .blocks = s.st_blocks,
          .accessed = low(s.st_atim.tv_sec),
          .accessed_ns = low(s.st_atim.tv_nsec),
          .modified = low(s.st_mtim.tv_sec),
          .modified_ns = low(s.st_mtim.tv_nsec),
          .changed = low(s.st_ctim.tv_sec),
          .changed_ns = low(s.st_ctim.tv_nsec),
          .inode = s.st_ino};
}

template <typename T>
T to_compat(const struct statfs& s) {
  T out{};
  std::array<std::uint32_t, 2> id;
  static_assert(sizeof id == sizeof s.f_fsid);
  std::memcpy(&id, &s.f_fsid, sizeof id);
  out.type = low(s.f_type);
  out.block_size = low(s.f_bsize);
  out.blocks = static_cast<decltype(out.blocks)>(s.f_blocks);
  out.free = static_cast<decltype(out.free)>(s.f_bfree);
  out.available = static_cast<decltype(out.available)>(s.f_bavail);
  out.files = static_cast<decltype(out.files)>(s.f_files);
  out.free_files = static_cast<decltype(out.free_files)>(s.f_ffree);
  out.id = id;
  out.name_length = low(s.f_namelen);
  out.fragment_size = low(s.f_frsize);
  out.flags = low(s.f_flags);
  return out;
}

}  // namespace

Result<void> store_stat(const Call& call, VirtAddr to, const struct stat& status) {
  switch (call.layout) {
    case Layout::kI386: {
      GONZO_ASSIGN(const OldStat old, to_old(status));
      return call.memory().store(to, old);
    }
    case Layout::kI386Large:
      return call.memory().store(to, to_large(status));
    case Layout::kNative:
    case Layout::kI386Time64:
      break;
  }
  return call.memory().store(to, status);
}

Result<void> store_statfs(const Call& call, VirtAddr to, const struct statfs& status) {
  if (call.layout == Layout::kI386Large) {
    return call.memory().store(to, to_compat<LargeStatfs>(status));
  }
  if (call.layout != Layout::kI386) return call.memory().store(to, status);
  if ((status.f_blocks | status.f_bfree | status.f_bavail) >> 32 != 0) {
    return fail(Errno::kOverflow);
  }
  return call.memory().store(to, to_compat<OldStatfs>(status));
}

}  // namespace gonzo
