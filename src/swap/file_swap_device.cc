#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "swap/swap_header.h"
#include <gonzo/swap/file_swap_device.h>

namespace gonzo {
namespace {

/// Not every file system has O_TMPFILE.
int open_unnamed(const std::string& directory) {
  const int descriptor = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return descriptor;
  std::string path = directory + "/gonzo-swap-XXXXXX";
  const int named = ::mkostemp(path.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(path.c_str());
  return named;
}

Result<void> set_size(int descriptor, std::uint64_t bytes, FileSwapDevice::Space space) {
  const auto length = static_cast<off_t>(bytes);
  if (::ftruncate(descriptor, length) != 0) return fail_from_host();
  if (space == FileSwapDevice::Space::kSparse) return {};
  if (::fallocate(descriptor, 0, 0, length) != 0 && errno != EOPNOTSUPP) return fail_from_host();
  return {};
}

/// EINVAL: there is something else in the file.
Result<void> check_header(int descriptor) {
  SwapHeader header;
  const ssize_t length = ::pread(descriptor, &header, sizeof header, 0);
  if (length < 0) return fail_from_host();
  if (length != 0 && (length != sizeof header || !header.is_valid())) return fail(Errno::kInval);
  return {};
}

Result<void> write_header(int descriptor, std::uint64_t pages) {
  const SwapHeader header = SwapHeader::of(pages);
  const ssize_t length = ::pwrite(descriptor, &header, sizeof header, 0);
  if (length < 0) return fail_from_host();
  if (length != sizeof header) return fail(Errno::kNoSpc);
  return {};
}

}  // namespace

Result<std::unique_ptr<FileSwapDevice>> FileSwapDevice::create_temporary(
    const std::string& directory, std::uint64_t bytes, Space space) {
  if (bytes < kPageSize) return fail(Errno::kInval);
  FileDescriptor file(open_unnamed(directory));
  if (!file.is_open()) return fail_from_host();
  GONZO_TRY(set_size(file.get(), page_floor(bytes), space));
  return std::unique_ptr<FileSwapDevice>(
      new FileSwapDevice(std::move(file), directory + "/(deleted)", 0, bytes / kPageSize));
}

Result<std::unique_ptr<FileSwapDevice>> FileSwapDevice::open(const std::string& path,
                                                             std::uint64_t bytes, Space space) {
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600));
  if (!file.is_open()) return fail_from_host();
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return fail_from_host();
  if (!S_ISREG(status.st_mode)) return fail(Errno::kInval);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(errno == EWOULDBLOCK ? Errno::kBusy : static_cast<Errno>(errno));
  GONZO_TRY(check_header(file.get()));
  const std::uint64_t pages =
      (bytes != 0 ? bytes : static_cast<std::uint64_t>(status.st_size)) / kPageSize;
  if (pages < 2) return fail(Errno::kInval);
  GONZO_TRY(set_size(file.get(), pages * kPageSize, space));
  GONZO_TRY(write_header(file.get(), pages));
  return std::unique_ptr<FileSwapDevice>(
      new FileSwapDevice(std::move(file), path, kPageSize, pages - 1));
}

FileSwapDevice::FileSwapDevice(FileDescriptor file, std::string name, std::uint64_t header,
                               std::uint64_t slots)
    : file_(std::move(file)), name_(std::move(name)), header_(header), slots_(slots) {
  const int flags = ::fcntl(file_.get(), F_GETFL);
  is_direct_ = flags >= 0 && ::fcntl(file_.get(), F_SETFL, flags | O_DIRECT) == 0;
}

template <typename Byte, typename Move>
Result<void> FileSwapDevice::transfer(std::uint64_t first_slot, std::span<Byte* const> pages,
                                      Move move) {
  constexpr std::size_t kMost = 256;
  std::array<iovec, kMost> pieces;
  std::uint64_t offset = header_ + first_slot * kPageSize;
  std::uint64_t done = 0;  // bytes of `pages`
  while (done < pages.size() * kPageSize) {
    const std::size_t first = done / kPageSize;
    const std::size_t count = std::min(pages.size() - first, kMost);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t skip = i == 0 ? done % kPageSize : 0;
      pieces[i] = {const_cast<std::byte*>(pages[first + i]) + skip, kPageSize - skip};
    }
    const ssize_t moved = move(pieces.data(), static_cast<int>(count), static_cast<off_t>(offset));
    if (moved > 0) {
      done += static_cast<std::uint64_t>(moved);
      offset += static_cast<std::uint64_t>(moved);
    } else if (moved == 0) {
      return fail(Errno::kIo);  // the file was cut
    } else if (errno == EINVAL && is_direct_.exchange(false)) {
      // Some file systems take the flag and refuse the transfer.
      const int flags = ::fcntl(file_.get(), F_GETFL);
      if (flags < 0 || ::fcntl(file_.get(), F_SETFL, flags & ~O_DIRECT) != 0)
        return fail_from_host();
    } else if (errno != EINTR) {
      return fail_from_host();
    }
  }
  return {};
}

Result<void> FileSwapDevice::write(std::uint64_t first_slot,
                                   std::span<const std::byte* const> pages) {
  const auto result =
      transfer(first_slot, pages, [&](const iovec* pieces, int count, off_t offset) {
        return ::pwritev(file_.get(), pieces, count, offset);
      });
  counts_.count_write(pages.size(), result);
  if (!result && result.error() != Errno::kNoSpc && static_cast<int>(result.error()) != EDQUOT)
    return fail(Errno::kIo);
  return result ? result : fail(Errno::kNoSpc);
}

Result<void> FileSwapDevice::read(std::uint64_t first_slot, std::span<std::byte* const> pages) {
  const auto result =
      transfer(first_slot, pages, [&](const iovec* pieces, int count, off_t offset) {
        return ::preadv(file_.get(), pieces, count, offset);
      });
  counts_.count_read(pages.size(), result);
  return result ? result : fail(Errno::kIo);
}

SwapDeviceStats FileSwapDevice::stats() const {
  SwapDeviceStats stats;
  counts_.report(stats);
  return stats;
}

}  // namespace gonzo
