// Calls that change or move file contents below the page cache.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <tuple>

#include "kernel/flusher.h"
#include "kernel/kernel_file.h"
#include "syscall/bad_pointer.h"
#include "syscall/changed_code.h"
#include "syscall/file_facts.h"
#include "syscall/file_size_limit.h"
#include "syscall/guest_path.h"
#include "syscall/handlers.h"
#include "syscall/pass_through.h"
#include "syscall/table.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

constexpr std::uint64_t kAllPages = UINT64_MAX >> kPageShift;
/// To ask whether one may write; a FIFO's other end is not waited for.
constexpr int kToWrite = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

CachedFileRef cached_behind(Call& call, unsigned fd_argument) {
  const auto file = call.file(fd_argument);
  return file ? cached_file(call, FileFacts::of(**file)) : nullptr;
}

/// The cache follows what has happened already; where it cannot, that is an I/O error of the call.
std::int64_t followed(std::int64_t result, const Result<void>& by_cache) {
  return by_cache ? result : raw(by_cache.error());
}

/// The host has changed these bytes of the file.
Result<void> follow_host(Call& call, CachedFile& file, ByteRange changed) {
  GONZO_TRY(file.host_wrote(changed.offset, changed.length));
  follow_code(call.memory().manager(), file, changed);
  return {};
}

/// One end of a copy inside the host: the offset behind a guest's pointer, or the file's own.
class CopyEnd {
 public:
  CopyEnd(Call& call, unsigned fd, std::optional<unsigned> offset)
      : call_(call), fd_(fd), offset_argument_(offset), cached_(cached_behind(call, fd)) {}

  /// Before the host call: the host's arguments.
  void prepare(Arguments& host) {
    const auto file = call_.file(fd_);
    if (file) file_ = *file;
    host[fd_] = static_cast<std::uint64_t>(file_ ? file_->host_fd() : -1);
    if (!offset_argument_ || call_.is_null(*offset_argument_)) return;
    const auto offset = load_longs<std::int64_t>(call_, call_.address(*offset_argument_));
    if (offset) offset_ = *offset;
    host[*offset_argument_] =
        offset ? reinterpret_cast<std::uint64_t>(&offset_) : call_.bad_pointer.user();
    has_offset_ = offset.has_value();
  }

  Result<void> store_offset() {
    if (!has_offset_) return {};
    return store_longs(call_, call_.address(*offset_argument_), offset_);
  }
  /// After `bytes` were moved.
  std::int64_t position() const {
    return has_offset_ ? offset_ : lseek(file_->host_fd(), 0, SEEK_CUR);
  }
  CachedFile* cached() { return cached_.get(); }
  const OpenFile* file() const { return file_.get(); }

 private:
  Call& call_;
  unsigned fd_;
  std::optional<unsigned> offset_argument_;
  CachedFileRef cached_;
  OpenFileRef file_;
  std::int64_t offset_ = 0;
  bool has_offset_ = false;
};

bool is_made_here(const Call& call, unsigned fd_argument) {
  const auto file = call.file(fd_argument);
  return file && (*file)->kernel_file() != nullptr;
}

/// RLIMIT_FSIZE, for one that is to have `size` bytes.
std::optional<std::int64_t> refused_size(const Call& call, const OpenFile& file,
                                         std::uint64_t size) {
  const auto limit = file_size_limit(call, file);
  if (!limit || size > INT64_MAX || size <= std::max(*limit, FileFacts::of(file).size)) return {};
  return exceed_file_size(call);
}

/// The same by name. Whether one may write there is what opening asks.
std::optional<std::int64_t> refused_truncation(Call& call) {
  if (!has_file_size_limit(call)) return {};
  const auto path = call.memory().copy_in_string(call.address(0), PATH_MAX);
  if (!path) return {};
  const OpenFile named(::open(host_path(call, AT_FDCWD, *path).c_str(), kToWrite));
  return refused_size(call, named, call[1]);
}

/// RLIMIT_FSIZE: up to it, `length` becomes less.
std::optional<std::int64_t> refused_by_limit(Call& call, const CopyEnd& to, std::uint64_t& length) {
  if (to.file() == nullptr || length == 0) return {};
  const auto limit = file_size_limit(call, *to.file());
  // One that appends is refused by the host.
  if (!limit || (fcntl(to.file()->host_fd(), F_GETFL) & O_APPEND) != 0) return {};
  const std::int64_t at = to.position();
  if (at < 0) return {};
  return cut_write(call, *limit, static_cast<std::uint64_t>(at), length);
}

bool has_more(const CopyEnd& from) {
  const FileFacts facts = FileFacts::of(*from.file());
  if (facts.kind == FileKind::kRegular) {
    return from.position() < static_cast<std::int64_t>(facts.size);
  }
  int available = 0;
  return ioctl(from.file()->host_fd(), FIONREAD, &available) == 0 && available > 0;
}

/// `length`: which argument says how much.
std::int64_t copy_in_host(Call& call, CopyEnd from, CopyEnd to, unsigned length) {
  if (from.cached() != nullptr) {
    if (auto written = from.cached()->write_back(0, kAllPages); !written) {
      return raw(written.error());
    }
  }
  Arguments host = call.arguments;
  from.prepare(host);
  to.prepare(host);
  if (from.file() != nullptr) {
    if (const auto refused = refused_by_limit(call, to, host[length])) return *refused;
  }
  const std::int64_t moved = call.host(call.row.number, host);
  if (moved <= 0) return moved;
  // A copy through a pipe tries for the rest (Linux: iter_file_splice_write).
  const bool was_cut =
      host[length] < call[length] && host[length] == static_cast<std::uint64_t>(moved);
  if (was_cut && call.row.number != SYS_copy_file_range && has_more(from)) call.raise(SIGXFSZ);
  if (to.cached() != nullptr) {
    const auto bytes = static_cast<std::uint64_t>(moved);
    const auto end = static_cast<std::uint64_t>(to.position());
    if (auto noticed = follow_host(call, *to.cached(), {end - bytes, bytes}); !noticed) {
      return raw(noticed.error());
    }
  }
  for (CopyEnd* side : {&from, &to}) {
    if (auto stored = side->store_offset(); !stored) return raw(stored.error());
  }
  return moved;
}

}  // namespace

std::int64_t follow_size(Call& call, const OpenFile& file, std::uint64_t size) {
  const CachedFileRef cached = cached_file(call, FileFacts::of(file));
  if (cached == nullptr) return 0;
  call.memory().manager().unmap_object(*cached, page_ceil(size) >> kPageShift);
  return followed(0, cached->truncate(size));
}

std::int64_t sys_truncate(Call& call) {
  if (const auto refused = refused_truncation(call)) return *refused;
  const std::int64_t result = PassThrough(call).run();
  if (result < 0) return result;
  const auto path = call.memory().copy_in_string(call.address(0), PATH_MAX);
  if (!path) return result;
  const int fd = ::open(host_path(call, AT_FDCWD, *path).c_str(), O_PATH | O_CLOEXEC);
  if (fd < 0) return result;
  const OpenFile named(fd);
  return follow_size(call, named, call[1]);
}

std::int64_t sys_ftruncate(Call& call) {
  const auto file = call.file(0);
  if (!file) return raw(file.error());
  if (const auto refused = refused_size(call, **file, call[1])) return *refused;
  const std::int64_t result = PassThrough(call).run();
  if (result < 0) return result;
  return follow_size(call, **file, call[1]);
}

/// Of fallocate's modes.
bool may_grow(int mode) { return (mode & ~(FALLOC_FL_ZERO_RANGE | FALLOC_FL_UNSHARE_RANGE)) == 0; }

/// Whole pages that become a hole go unwritten. EINVAL, EOPNOTSUPP and others are the host's.
std::int64_t sys_fallocate(Call& call) {
  const CachedFileRef cached = cached_behind(call, 0);
  const std::uint64_t offset = call[2], length = call[3];
  const bool is_range = offset + length > offset && offset + length <= INT64_MAX;
  if (const auto file = call.file(0); file && is_range && may_grow(call.integer(1))) {
    if (const auto refused = refused_size(call, **file, offset + length)) return *refused;
  }
  if (cached == nullptr || !is_range) return PassThrough(call).run();

  constexpr int kMovesTail = FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE;
  const bool moves_tail = (call.integer(1) & kMovesTail) != 0;
  const bool punches = (call.integer(1) & FALLOC_FL_PUNCH_HOLE) != 0;
  const std::uint64_t first = offset >> kPageShift;
  const std::uint64_t last = (offset + length - 1) >> kPageShift;
  auto written = cached->write_back(first, punches ? first + 1 : moves_tail ? kAllPages : last + 1);
  if (punches && written) written = cached->write_back(last, last + 1);
  if (!written) return raw(written.error());

  const std::int64_t result = PassThrough(call).run();
  if (result < 0) return result;
  if (!punches) {
    const std::uint64_t changed = moves_tail ? UINT64_MAX - offset : length;
    return followed(result, follow_host(call, *cached, {offset, changed}));
  }
  const auto shown = cached->punched(offset, length);
  call.memory().manager().unmap_hole(*cached, page_ceil(offset) >> kPageShift,
                                     (offset + length) >> kPageShift);
  return followed(result, shown);
}

std::int64_t sys_fsync(Call& call) {
  if (call.row.number == SYS_syncfs) {
    std::ignore = call.process().system().flusher().write_all();
  } else if (const CachedFileRef cached = cached_behind(call, 0); cached != nullptr) {
    // What was stored through mappings that are still there is part of the file.
    call.memory().manager().clean_pages(*cached, 0, kAllPages);
    if (auto synced = cached->sync(0, kAllPages); !synced) return raw(synced.error());
  }
  return PassThrough(call).run();
}

std::int64_t sys_sync(Call& call) {
  std::ignore = call.process().system().flusher().write_all();
  return PassThrough(call).run();
}

std::int64_t sys_sendfile(Call& call) {
  if (is_made_here(call, 0) || is_made_here(call, 1)) return -EINVAL;
  return copy_in_host(call, CopyEnd(call, 1, 2), CopyEnd(call, 0, std::nullopt), 3);
}

std::int64_t sys_copy_file_range(Call& call) {
  if (is_made_here(call, 0) || is_made_here(call, 2)) return -EXDEV;
  return copy_in_host(call, CopyEnd(call, 0, 1), CopyEnd(call, 2, 3), 4);
}

std::int64_t sys_splice(Call& call) {
  if (is_made_here(call, 0) || is_made_here(call, 2)) return -EINVAL;
  return copy_in_host(call, CopyEnd(call, 0, 1), CopyEnd(call, 2, 3), 4);
}

}  // namespace gonzo
