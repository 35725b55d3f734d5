#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdio>
#include <ctime>
#include <limits>
#include <tuple>

#include <gonzo/cache/host_file.h>

namespace gonzo {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
/// Two ticks of the slowest clock (HZ=100) that stamps files on Linux.
constexpr std::int64_t kSettleTimeNs = 20'000'000;
/// Spans handed to the host in one call; more are sent in several.
constexpr std::size_t kVectorsPerCall = 64;

std::int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * kNanosecondsPerSecond + time.tv_nsec;
}

std::string descriptor_link(int descriptor) {
  return "/proc/self/fd/" + std::to_string(descriptor);
}

bool is_in_memory(int descriptor) {
  struct statfs system;
  return fstatfs(descriptor, &system) == 0 && system.f_type == TMPFS_MAGIC;
}

/// Whether a change is stamped anew if somebody has asked for the last one's stamp, however soon it
/// comes (Linux 6.13, Documentation/filesystems/multigrain-ts.rst).
bool has_multigrain_stamps(int descriptor) {
  utsname host;
  unsigned major = 0;
  unsigned minor = 0;
  if (uname(&host) != 0 || std::sscanf(host.release, "%u.%u", &major, &minor) != 2) return false;
  if (std::tie(major, minor) < std::tuple(6U, 13U)) return false;
  struct statfs system;
  if (fstatfs(descriptor, &system) != 0) return false;
  constexpr std::array<std::int64_t, 4> kHaveThem = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,
                                                     BTRFS_SUPER_MAGIC, TMPFS_MAGIC};
  return std::ranges::find(kHaveThem, system.f_type) != kHaveThem.end();
}

bool fits_offset(std::uint64_t offset) {
  return offset <= static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
}

/// Runs `call(vectors, count, offset)` until all spans are done, it returns 0, or it fails. The
/// bytes done, or the error when none were.
template <typename Span, typename Call>
Result<std::size_t> transfer(std::uint64_t offset, std::span<const Span> spans, Call call) {
  std::array<iovec, kVectorsPerCall> vectors;
  std::size_t total = 0;
  std::size_t next = 0;    // the first span not finished
  std::size_t inside = 0;  // bytes of it that are done
  while (next < spans.size()) {
    std::size_t count = 0;
    for (std::size_t i = next; i < spans.size() && count < vectors.size(); ++i, ++count) {
      const std::size_t skip = i == next ? inside : 0;
      auto* data = const_cast<std::byte*>(spans[i].data()) + skip;
      vectors[count] = {.iov_base = data, .iov_len = spans[i].size() - skip};
    }
    if (!fits_offset(offset + total))
      return total != 0 ? Result<std::size_t>(total) : fail(Errno::kFBig);
    const ssize_t done =
        call(vectors.data(), static_cast<int>(count), static_cast<off_t>(offset + total));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return total != 0 ? Result<std::size_t>(total) : fail_from_host();
    if (done == 0) break;
    total += static_cast<std::size_t>(done);
    inside += static_cast<std::size_t>(done);
    while (next < spans.size() && inside >= spans[next].size()) inside -= spans[next++].size();
  }
  return total;
}

}  // namespace

Result<std::shared_ptr<HostFile>> HostFile::open(int descriptor) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return fail_from_host();
  if (!S_ISREG(status.st_mode)) return fail(Errno::kNoDev);
  const int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0) return fail_from_host();
  if ((flags & O_PATH) != 0) return fail(Errno::kBadF);
  const int mode = flags & O_ACCMODE;
  if (mode == O_WRONLY) return fail(Errno::kAcces);

  auto access = mode == O_RDWR ? FileAccess::kReadWrite : FileAccess::kRead;
  auto description = Description::kOwn;
  int own = ::open(descriptor_link(descriptor).c_str(), mode | O_CLOEXEC | O_NOCTTY);
  if (own < 0) {
    if (errno == EMFILE || errno == ENFILE) return fail_from_host();
    own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (own < 0) return fail_from_host();
    description = Description::kShared;
    if ((flags & O_APPEND) != 0) access = FileAccess::kRead;
  }
  const FileIdentity identity{.device_major = major(status.st_dev),
                              .device_minor = minor(status.st_dev),
                              .inode = status.st_ino};
  return std::shared_ptr<HostFile>(new HostFile(own, access, description, identity));
}

HostFile::HostFile(int descriptor, FileAccess access, Description description,
                   FileIdentity identity)
    : descriptor_(descriptor),
      access_(access),
      description_(description),
      identity_(identity),
      medium_(is_in_memory(descriptor) ? Medium::kMemory : Medium::kDisk) {}

HostFile::~HostFile() {
  drop_write_access();
  ::close(descriptor_);
}

Result<std::uint64_t> HostFile::size() {
  if (description_ == Description::kOwn) {
    const off_t end = lseek(descriptor_, 0, SEEK_END);
    if (end < 0) return fail_from_host();
    return static_cast<std::uint64_t>(end);
  }
  struct stat status;
  if (fstat(descriptor_, &status) != 0) return fail_from_host();
  return static_cast<std::uint64_t>(status.st_size);
}

Result<FileStatus> HostFile::status() {
  struct stat status;
  if (fstat(descriptor_, &status) != 0) return fail_from_host();
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t modified = nanoseconds(status.st_mtim);
  const std::int64_t changed = nanoseconds(status.st_ctim);
  const bool is_old = nanoseconds(now) - std::max(modified, changed) > kSettleTimeNs;
  // Whole seconds may be all that an older format of the file system can store.
  const bool is_fine = status.st_ctim.tv_nsec != 0;
  return FileStatus{.size = static_cast<std::uint64_t>(status.st_size),
                    .modified_ns = modified,
                    .changed_ns = changed,
                    .links = status.st_nlink,
                    .settled = is_old || (is_fine && has_multigrain_stamps(descriptor_))};
}

Result<std::size_t> HostFile::read_at(std::uint64_t offset,
                                      std::span<const std::span<std::byte>> into) {
  return transfer(offset, into, [this](const iovec* vectors, int count, off_t at) {
    return preadv(descriptor_, vectors, count, at);
  });
}

Result<void> HostFile::write_at(std::uint64_t offset,
                                std::span<const std::span<const std::byte>> from) {
  if (!is_writable()) return fail(Errno::kBadF);
  // A short count hides its reason; the next call, for the rest, tells it.
  std::size_t wanted = 0;
  for (const auto& span : from) wanted += span.size();
  int host_error = 0;
  const auto moved = transfer(offset, from, [&](const iovec* vectors, int count, off_t at) {
    const ssize_t done = pwritev(descriptor_, vectors, count, at);
    if (done < 0) host_error = errno;
    return done;
  });
  if (!moved && host_error != EPERM) return fail(moved.error());
  const std::size_t written = moved.value_or(0);
  if (written == wanted) return {};
  if (written == 0 && host_error == EPERM) return write_through_window(offset, from);
  return fail(host_error != 0 ? static_cast<Errno>(host_error) : Errno::kIo);
}

Result<void> HostFile::flush() {
  while (fdatasync(descriptor_) != 0) {
    // EINVAL, EROFS: the file system has nothing to flush to.
    if (errno == EINVAL || errno == EROFS) return {};
    if (errno != EINTR) return fail_from_host();
  }
  return {};
}

std::string HostFile::path() const {
  std::array<char, PATH_MAX> target;
  const ssize_t length =
      readlink(descriptor_link(descriptor_).c_str(), target.data(), target.size());
  return length < 0 ? std::string() : std::string(target.data(), static_cast<std::size_t>(length));
}

}  // namespace gonzo
