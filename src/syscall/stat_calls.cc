// Asking about files, where /proc answers for the guest.
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <tuple>

#include "kernel/kernel_file.h"
#include "syscall/bad_pointer.h"
#include "syscall/file_facts.h"
#include "syscall/guest_path.h"
#include "syscall/handlers.h"
#include "syscall/pass_through.h"
#include "syscall/table.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

struct NamedFile {
  int directory = AT_FDCWD;  ///< the guest's
  std::uint64_t path = 0;    ///< the guest's address
  int flags = 0;             ///< AT_*
};

bool follows(int flags) { return (flags & AT_SYMLINK_NOFOLLOW) == 0; }

/// A name as the host must be asked.
struct ResolvedName {
  int directory = AT_FDCWD;
  OpenFileRef held;  ///< the file behind `directory`
  std::string path;
  std::uint64_t host_pointer = 0;  ///< `path`, or what stands for a bad pointer
  std::optional<ProcNode> node;    ///< what it means in /proc

  bool is_refused(int flags) const { return node && node->is_refused() && follows(flags); }
};

void resolve(Call& call, const NamedFile& name, ResolvedName& out) {
  out.directory = name.directory;
  if (name.directory != AT_FDCWD) {
    auto file = call.files().get(name.directory);
    if (file) out.held = std::move(*file);
    out.directory = out.held ? out.held->host_fd() : -1;
  }
  const bool may_be_null = (name.flags & AT_EMPTY_PATH) != 0;
  if (name.path == 0 && may_be_null) return;
  auto path = call.memory().copy_in_string(VirtAddr(name.path), PATH_MAX);
  if (!path && path.error() != Errno::kNameTooLong) {
    out.host_pointer = call.bad_pointer.user();
    return;
  }
  out.path = path ? std::move(*path) : std::string(PATH_MAX, 'x');
  out.node = follows(name.flags) ? followed_proc_node(call, name.directory, out.path)
                                 : proc_node(call, name.directory, out.path);
  if (out.node) {
    out.path = follows(name.flags) ? out.node->host_path() : out.node->unfollowed_host_path();
  }
  out.host_pointer = reinterpret_cast<std::uint64_t>(out.path.c_str());
}

std::int64_t stat_descriptor(Call& call, const OpenFile& file, unsigned out) {
  struct stat status;
  if (fstat(file.host_fd(), &status) != 0) return -errno;
  file.amend_stat(status);
  return raw(store_stat(call, call.address(out), status));
}

std::int64_t stat_name(Call& call, const NamedFile& name, unsigned out) {
  ResolvedName resolved;
  resolve(call, name, resolved);
  if (resolved.is_refused(name.flags)) return -EACCES;
  if (resolved.held && resolved.path.empty() && (name.flags & AT_EMPTY_PATH) != 0) {
    return stat_descriptor(call, *resolved.held, out);
  }
  struct stat status;
  const std::int64_t result =
      call.host(SYS_newfstatat,
                {static_cast<std::uint64_t>(resolved.directory), resolved.host_pointer,
                 reinterpret_cast<std::uint64_t>(&status), static_cast<std::uint64_t>(name.flags)});
  if (result < 0) return result;
  if (resolved.node) resolved.node->amend_stat(status);
  return raw(store_stat(call, call.address(out), status));
}

/// What stat(2) would be told otherwise.
void amend_statx(const ResolvedName& resolved, struct statx& status) {
  struct stat amended{};
  amended.st_ino = status.stx_ino;
  amended.st_mode = status.stx_mode;
  amended.st_uid = status.stx_uid;
  amended.st_gid = status.stx_gid;
  amended.st_size = static_cast<off_t>(status.stx_size);
  amended.st_dev = makedev(status.stx_dev_major, status.stx_dev_minor);
  amended.st_rdev = makedev(status.stx_rdev_major, status.stx_rdev_minor);
  if (resolved.node) {
    resolved.node->amend_stat(amended);
  } else if (resolved.path.empty()) {
    resolved.held->amend_stat(amended);
  }
  status.stx_ino = amended.st_ino;
  status.stx_mode = static_cast<std::uint16_t>(amended.st_mode);
  status.stx_uid = amended.st_uid;
  status.stx_gid = amended.st_gid;
  status.stx_size = static_cast<std::uint64_t>(amended.st_size);
  status.stx_dev_major = major(amended.st_dev);
  status.stx_dev_minor = minor(amended.st_dev);
  status.stx_rdev_major = major(amended.st_rdev);
  status.stx_rdev_minor = minor(amended.st_rdev);
}

std::int64_t access_name(Call& call, const NamedFile& name, int wanted) {
  if ((wanted & ~(R_OK | W_OK | X_OK)) != 0) return -EINVAL;
  ResolvedName resolved;
  resolve(call, name, resolved);
  if (resolved.is_refused(name.flags)) return -EACCES;
  const bool has_flags = call.row.number == SYS_faccessat2;
  return call.host(has_flags ? SYS_faccessat2 : SYS_faccessat,
                   {static_cast<std::uint64_t>(resolved.directory), resolved.host_pointer,
                    static_cast<std::uint64_t>(wanted), static_cast<std::uint64_t>(name.flags)});
}

std::int64_t read_link(Call& call, const NamedFile& name, unsigned out) {
  const int room = call.integer(out + 1);
  if (room <= 0) return -EINVAL;
  ResolvedName resolved;
  resolve(call, name, resolved);
  if (resolved.node && resolved.node->is_refused()) return -EACCES;
  std::array<char, PATH_MAX> target;
  std::size_t length = 0;
  if (resolved.node && resolved.node->is_link()) {
    length = resolved.node->target().copy(target.data(), target.size());
  } else {
    const std::int64_t result = call.host(
        SYS_readlinkat, {static_cast<std::uint64_t>(resolved.directory), resolved.host_pointer,
                         reinterpret_cast<std::uint64_t>(target.data()), target.size()});
    if (result < 0) return result;
    length = static_cast<std::size_t>(result);
  }
  length = std::min(length, static_cast<std::size_t>(room));
  const auto copied =
      call.memory().copy_out(call.address(out), std::as_bytes(std::span(target).first(length)));
  return copied ? static_cast<std::int64_t>(length) : raw(copied.error());
}

}  // namespace

std::int64_t sys_stat(Call& call) { return stat_name(call, {.path = call[0]}, 1); }

std::int64_t sys_lstat(Call& call) {
  return stat_name(call, {.path = call[0], .flags = AT_SYMLINK_NOFOLLOW}, 1);
}

std::int64_t sys_fstat(Call& call) {
  const auto file = call.file(0);
  return file ? stat_descriptor(call, **file, 1) : raw(file.error());
}

std::int64_t sys_newfstatat(Call& call) {
  return stat_name(call, {.directory = call.integer(0), .path = call[1], .flags = call.integer(3)},
                   2);
}

std::int64_t sys_statx(Call& call) {
  const NamedFile name{.directory = call.integer(0), .path = call[1], .flags = call.integer(2)};
  ResolvedName resolved;
  resolve(call, name, resolved);
  if (resolved.is_refused(name.flags)) return -EACCES;
  struct statx status;
  const std::int64_t result =
      call.host(SYS_statx, {static_cast<std::uint64_t>(resolved.directory), resolved.host_pointer,
                            static_cast<std::uint64_t>(name.flags), call[3],
                            reinterpret_cast<std::uint64_t>(&status)});
  if (result < 0) return result;
  if (resolved.node || resolved.held) amend_statx(resolved, status);
  return raw(call.memory().store(call.address(4), status));
}

std::int64_t sys_access(Call& call) {
  return access_name(call, {.path = call[0]}, call.integer(1));
}

std::int64_t sys_faccessat(Call& call) {
  const int flags = call.row.number == SYS_faccessat2 ? call.integer(3) : 0;
  return access_name(call, {.directory = call.integer(0), .path = call[1], .flags = flags},
                     call.integer(2));
}

std::int64_t sys_readlink(Call& call) {
  return read_link(call, {.path = call[0], .flags = AT_SYMLINK_NOFOLLOW}, 1);
}

std::int64_t sys_readlinkat(Call& call) {
  return read_link(
      call,
      {.directory = call.integer(0), .path = call[1], .flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH},
      2);
}

namespace {
std::int64_t seek(Call& call) {
  const auto file = call.file(0);
  const int whence = call.integer(2);
  if (KernelFile* const here = file ? (*file)->kernel_file() : nullptr) {
    return raw(here->seek(static_cast<std::int64_t>(call[1]), whence));
  }
  if (whence == SEEK_DATA || whence == SEEK_HOLE) {
    // What was stored through mappings is data, if the host knows of it.
    const CachedFileRef cached = file ? cached_file(call, FileFacts::of(**file)) : nullptr;
    if (cached != nullptr) std::ignore = cached->write_back(0, UINT64_MAX >> kPageShift);
  }
  return PassThrough(call).run();
}
}  // namespace

std::int64_t sys_lseek(Call& call) {
  const std::int64_t position = seek(call);
  if (is_error(position) || call.layout != Layout::kI386Large) return position;
  // _llseek's fourth argument.
  return raw(call.memory().store(call.address(3), position));
}

}  // namespace gonzo
