// Files by name, directories, attributes.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <utime.h>

#include "syscall/handlers.h"
#include "syscall/table.h"

namespace gonzo {

namespace {

constexpr std::uint32_t kStatBytes = sizeof(struct stat);
constexpr std::uint32_t kStatfsBytes = sizeof(struct statfs);
constexpr std::uint32_t kStatxBytes = sizeof(struct statx);
constexpr std::uint32_t kTwoTimes = 32;
constexpr std::uint32_t kNameLimit = 256;  // XATTR_NAME_MAX and its NUL
constexpr std::uint32_t kDirectoryBuffer = 1 << 20;

constexpr Argument two_times(Style style) {
  return in_struct(kTwoTimes).shown_as(style).made_of(Members::kLongs).or_null();
}
constexpr Argument stat_out() { return pointer(Direction::kOut, Style::kStat, kStatBytes); }
constexpr Argument open_flags() { return flags(symbols::kOpen); }
/// O_TMPFILE includes O_DIRECTORY, which alone has no mode.
constexpr Argument created_mode(std::uint8_t flags_at) {
  return mode().only_with(flags_at, O_CREAT | (O_TMPFILE & ~O_DIRECTORY));
}
constexpr Argument at_flags() { return flags(symbols::kAt); }

constexpr SyscallRow kRows[] = {
    {SYS_open, "open",
     call(sys_open, path(), open_flags(), created_mode(1))
         .when_interrupted(Interruption::kRestarts)},
    {SYS_creat, "creat", call(sys_creat, path(), mode()).when_interrupted(Interruption::kRestarts)},
    {SYS_openat, "openat",
     call(sys_openat, dirfd(), path(), open_flags(), created_mode(2))
         .when_interrupted(Interruption::kRestarts)},
    {SYS_openat2, "openat2",
     call(sys_openat2, dirfd(), path(), pointer(), size())
         .when_interrupted(Interruption::kRestarts)},

    {SYS_stat, "stat", call(sys_stat, path(), stat_out())},
    {SYS_lstat, "lstat", call(sys_lstat, path(), stat_out())},
    {SYS_fstat, "fstat", call(sys_fstat, fd(), stat_out())},
    {SYS_newfstatat, "newfstatat", call(sys_newfstatat, dirfd(), path(), stat_out(), at_flags())},
    {SYS_statx, "statx",
     call(sys_statx, dirfd(), path(), at_flags(), flags(symbols::kStatx),
          pointer(Direction::kOut, Style::kAddress, kStatxBytes))},
    {SYS_access, "access", call(sys_access, path(), flags(symbols::kAccess))},
    {SYS_faccessat, "faccessat", call(sys_faccessat, dirfd(), path(), flags(symbols::kAccess))},
    {SYS_faccessat2, "faccessat2",
     call(sys_faccessat, dirfd(), path(), flags(symbols::kAccess), at_flags())},
    {SYS_readlink, "readlink",
     call(sys_readlink, path(),
          pointer_counted(Direction::kOut, Style::kText, 2, 1, Extent::kReturned), integer())},
    {SYS_readlinkat, "readlinkat",
     call(sys_readlinkat, dirfd(), path(),
          pointer_counted(Direction::kOut, Style::kText, 3, 1, Extent::kReturned), integer())},
    {SYS_lseek, "lseek", call(sys_lseek, fd(), integer(), flags(symbols::kWhence))},

    {SYS_getdents, "getdents",
     call(sys_getdents, fd(), out_buffer(2).at_most(kDirectoryBuffer).shown_as(Style::kOpaque),
          size())},
    {SYS_getdents64, "getdents64",
     call(sys_getdents, fd(), out_buffer(2).at_most(kDirectoryBuffer).shown_as(Style::kOpaque),
          size())},
    {SYS_getcwd, "getcwd", call(sys_getcwd, out_buffer(1).at_most(PATH_MAX), size())},
    {SYS_chdir, "chdir", pass(path())},
    {SYS_fchdir, "fchdir", pass(fd())},
    {SYS_chroot, "chroot", pass(path())},
    {SYS_rename, "rename", pass(path(), path())},
    {SYS_renameat, "renameat", pass(dirfd(), path(), dirfd(), path())},
    {SYS_renameat2, "renameat2", pass(dirfd(), path(), dirfd(), path(), flags(symbols::kRename))},
    {SYS_mkdir, "mkdir", pass(path(), mode())},
    {SYS_mkdirat, "mkdirat", pass(dirfd(), path(), mode())},
    {SYS_rmdir, "rmdir", pass(path())},
    {SYS_link, "link", pass(path(), path())},
    {SYS_linkat, "linkat", pass(dirfd(), path(), dirfd(), path(), at_flags())},
    {SYS_symlink, "symlink", pass(path(), path())},
    {SYS_symlinkat, "symlinkat", pass(path(), dirfd(), path())},
    {SYS_unlink, "unlink", pass(path())},
    {SYS_unlinkat, "unlinkat", pass(dirfd(), path(), at_flags())},
    {SYS_chmod, "chmod", pass(path(), mode())},
    {SYS_fchmod, "fchmod", pass(fd(), mode())},
    {SYS_fchmodat, "fchmodat", pass(dirfd(), path(), mode())},
    {452, "fchmodat2", pass(dirfd(), path(), mode(), at_flags())},
    {SYS_chown, "chown", pass(path(), integer(), integer())},
    {SYS_lchown, "lchown", pass(path(), integer(), integer())},
    {SYS_fchown, "fchown", pass(fd(), integer(), integer())},
    {SYS_fchownat, "fchownat", pass(dirfd(), path(), integer(), integer(), at_flags())},
    {SYS_umask, "umask", pass(mode()).returns(Returns::kOctal)},
    {SYS_mknod, "mknod", pass(path(), mode(), hex())},
    {SYS_mknodat, "mknodat", pass(dirfd(), path(), mode(), hex())},
    {SYS_statfs, "statfs", pass(path(), out_struct(kStatfsBytes).made_of(Members::kStatfs))},
    {SYS_fstatfs, "fstatfs", pass(fd(), out_struct(kStatfsBytes).made_of(Members::kStatfs))},
    {SYS_utime, "utime",
     pass(path(), in_struct(sizeof(utimbuf)).made_of(Members::kLongs).or_null())},
    {SYS_utimes, "utimes", pass(path(), two_times(Style::kOpaque))},
    {SYS_futimesat, "futimesat", pass(dirfd(), path().or_null(), two_times(Style::kOpaque))},
    {SYS_utimensat, "utimensat",
     pass(dirfd(), path().or_null(), two_times(Style::kOpaque), at_flags())},

    {SYS_truncate, "truncate", call(sys_truncate, path(), integer())},
    {SYS_ftruncate, "ftruncate", call(sys_ftruncate, fd(), integer())},
    {SYS_fallocate, "fallocate",
     call(sys_fallocate, fd(), flags(symbols::kFallocate), integer(), integer())},
    {SYS_fsync, "fsync", call(sys_fsync, fd())},
    {SYS_fdatasync, "fdatasync", call(sys_fsync, fd())},
    {SYS_sync, "sync", call(sys_sync)},
    {SYS_syncfs, "syncfs", call(sys_fsync, fd())},
    {SYS_sync_file_range, "sync_file_range", pass(fd(), integer(), integer(), hex())},
    {SYS_fadvise64, "fadvise64", pass(fd(), integer(), integer(), flags(symbols::kFadvise))},
    {SYS_readahead, "readahead", pass(fd(), integer(), size())},
    {SYS_flock, "flock",
     pass(fd(), flags(symbols::kFlock)).when_interrupted(Interruption::kRestarts)},

    {SYS_setxattr, "setxattr", pass(path(), string(kNameLimit), in_buffer(3), size(), hex())},
    {SYS_lsetxattr, "lsetxattr", pass(path(), string(kNameLimit), in_buffer(3), size(), hex())},
    {SYS_fsetxattr, "fsetxattr", pass(fd(), string(kNameLimit), in_buffer(3), size(), hex())},
    {SYS_getxattr, "getxattr", pass(path(), string(kNameLimit), out_buffer(3), size())},
    {SYS_lgetxattr, "lgetxattr", pass(path(), string(kNameLimit), out_buffer(3), size())},
    {SYS_fgetxattr, "fgetxattr", pass(fd(), string(kNameLimit), out_buffer(3), size())},
    {SYS_listxattr, "listxattr", pass(path(), out_buffer(2), size())},
    {SYS_llistxattr, "llistxattr", pass(path(), out_buffer(2), size())},
    {SYS_flistxattr, "flistxattr", pass(fd(), out_buffer(2), size())},
    {SYS_removexattr, "removexattr", pass(path(), string(kNameLimit))},
    {SYS_lremovexattr, "lremovexattr", pass(path(), string(kNameLimit))},
    {SYS_fremovexattr, "fremovexattr", pass(fd(), string(kNameLimit))},
};

}  // namespace

std::span<const SyscallRow> file_rows() { return kRows; }

}  // namespace gonzo
