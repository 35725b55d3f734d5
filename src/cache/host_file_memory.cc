// What files in memory need beyond others: holes, and writes past a seal.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <limits>

#include <gonzo/base/address.h>
#include <gonzo/cache/host_file.h>

namespace gonzo {
namespace {

constexpr auto kMostOffset = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());

}  // namespace

Result<void> HostFile::allocate(std::uint64_t offset, std::uint64_t length) {
  if (!is_memory() || !is_writable()) return {};
  if (fallocate(descriptor_, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                static_cast<off_t>(length)) == 0) {
    return {};
  }
  // What stops it from being allocated ahead does not stop it from being written.
  if (errno == ENOSPC || errno == ENOMEM) return fail_from_host();
  return {};
}

std::uint64_t HostFile::data_end(std::uint64_t offset) {
  // lseek would move the offset of whom the description is shared with.
  if (description_ == Description::kShared || offset > kMostOffset) return offset;
  const off_t hole = lseek(descriptor_, static_cast<off_t>(offset), SEEK_HOLE);
  return hole < 0 ? offset : static_cast<std::uint64_t>(hole);
}

Result<void> HostFile::punch_hole(std::uint64_t offset, std::uint64_t length) {
  if (!is_writable()) return fail(Errno::kBadF);
  if (fallocate(descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                static_cast<off_t>(length)) != 0) {
    return fail_from_host();
  }
  return {};
}

Result<void> HostFile::keep_write_access() {
  if (!is_writable()) return {};
  const LockGuard guard(window_lock_);
  if (!window_.empty()) return {};
  void* const at = mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
  if (at == MAP_FAILED) return fail_from_host();
  window_ = {static_cast<std::byte*>(at), kPageSize};
  return {};
}

void HostFile::drop_write_access() {
  const LockGuard guard(window_lock_);
  if (!window_.empty()) munmap(window_.data(), window_.size());
  window_ = {};
}

/// By the kernel's copy, which ends with an error where a store of ours would end with SIGBUS: the
/// file may become shorter at any time. EPERM: there is no window.
Result<void> HostFile::write_through_window(std::uint64_t offset,
                                            std::span<const std::span<const std::byte>> from) {
  const LockGuard guard(window_lock_);
  if (window_.empty()) return fail(Errno::kPerm);
  for (const auto& span : from) {
    if (offset > kMostOffset - span.size()) return fail(Errno::kFBig);
    const std::uint64_t end = page_ceil(offset + span.size());
    if (end > window_.size()) {
      // No new mapping could be had, but the old one may grow.
      void* const at = mremap(window_.data(), window_.size(), end, MREMAP_MAYMOVE);
      if (at == MAP_FAILED) return fail_from_host();
      window_ = {static_cast<std::byte*>(at), end};
    }
    const iovec source{.iov_base = const_cast<std::byte*>(span.data()), .iov_len = span.size()};
    const iovec target{.iov_base = window_.data() + offset, .iov_len = span.size()};
    const ssize_t done = process_vm_writev(getpid(), &source, 1, &target, 1, 0);
    if (done != static_cast<ssize_t>(span.size())) {
      return done < 0 ? Result<void>(fail_from_host()) : fail(Errno::kIo);
    }
    offset += span.size();
  }
  return {};
}

}  // namespace gonzo
