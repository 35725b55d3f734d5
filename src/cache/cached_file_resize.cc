// When the file changes around the mappings. Linux: truncate_setsize, pagecache_isize_extended,
// invalidate_inode_pages2_range.
#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "cache/pages.h"
#include <gonzo/cache/cached_file.h>

namespace gonzo {

/// What the file says now; the pages agree with it when this returns. One call to the host while
/// nothing changes.
Result<std::uint64_t> CachedFile::current_size() {
  GONZO_ASSIGN(const std::uint64_t seen, file_->size());
  if (seen == size_.load(std::memory_order_acquire)) return seen;
  LockGuard guard(writeback_lock_);
  GONZO_ASSIGN(const std::uint64_t size, file_->size());  // it may have moved on
  GONZO_TRY(apply_size(size));
  return size;
}

Result<void> CachedFile::apply_size(std::uint64_t new_size) {
  const std::uint64_t old_size = size_.load(std::memory_order_relaxed);
  if (new_size == old_size) return {};
  if (new_size > old_size) {
    GONZO_TRY(uncover_tail(old_size));
    size_.store(new_size, std::memory_order_release);
    return {};
  }
  // First the size: what is being read from now on is cut to it, and what was before is waited for.
  size_.store(new_size, std::memory_order_release);
  drop(pages_of(new_size), kEveryPage, Drop::kAll, SIZE_MAX);
  const std::uint64_t end_in_page = new_size & ~kPageMask;
  if (end_in_page != 0) {
    const Pfn pfn = get_ready(new_size >> kPageShift);
    if (!pfn.is_none()) {
      std::memset(frames_.address(pfn) + end_in_page, 0, kPageSize - end_in_page);
      frames_.put(pfn);
    }
  }
  return {};
}

Result<void> CachedFile::truncate(std::uint64_t new_size) {
  LockGuard guard(writeback_lock_);
  return apply_size(new_size);
}

Result<void> CachedFile::reread(ByteRange inside_one_page) {
  const Pfn pfn = get_ready(inside_one_page.offset >> kPageShift);
  if (pfn.is_none()) return {};
  const std::span<std::byte> bytes(frames_.address(pfn) + (inside_one_page.offset & ~kPageMask),
                                   inside_one_page.length);
  const auto read = file_->read_at(inside_one_page.offset, {&bytes, 1});
  if (read) std::memset(bytes.data() + *read, 0, bytes.size() - *read);
  frames_.put(pfn);
  if (!read) return fail(Errno::kIo);
  return {};
}

/// The zeros after the old end may now be bytes of the file. In a file in memory, bytes that a
/// mapping stored there are.
Result<void> CachedFile::uncover_tail(std::uint64_t old_size) {
  const std::uint64_t rest = pages_of(old_size) * kPageSize - old_size;
  if (rest == 0) return {};
  if (is_memory_) {
    const std::uint64_t index = old_size >> kPageShift;
    const Pfn pfn = get_ready(index);
    if (!pfn.is_none()) {
      const std::span tail(frames_.address(pfn) + (old_size & ~kPageMask), rest);
      const bool stored = std::ranges::any_of(tail, [](std::byte b) { return b != std::byte{0}; });
      if (stored) mark_dirty(index);
      frames_.put(pfn);
      if (stored) return {};
    }
  }
  return reread({.offset = old_size, .length = rest});
}

Result<void> CachedFile::bring_in(ByteRange changed) {
  GONZO_ASSIGN(const std::uint64_t size, file_->size());
  GONZO_TRY(apply_size(size));
  if (changed.length == 0 || changed.offset >= size) return {};
  const std::uint64_t end = changed.offset + std::min(changed.length, size - changed.offset);

  Result<void> outcome;
  std::uint64_t page = changed.offset >> kPageShift;
  const std::uint64_t last = pages_of(end);
  // A page that nobody uses is read when somebody does.
  drop(page, last, Drop::kUnused, SIZE_MAX);
  while (page < last) {
    PageIndex::Entry next;
    {
      LockGuard guard(lock_);
      next = index_.next_present(page, last);
    }
    if (!next.found()) break;
    const std::uint64_t from = std::max(changed.offset, next.index << kPageShift);
    const std::uint64_t to = std::min(end, (next.index + 1) << kPageShift);
    const auto read = reread({.offset = from, .length = to - from});
    if (!read) outcome = read;
    page = next.index + 1;
  }
  return outcome;
}

Result<void> CachedFile::host_wrote(std::uint64_t offset, std::uint64_t length) {
  LockGuard guard(writeback_lock_);
  return bring_in({.offset = offset, .length = length});
}

Result<ByteRange> CachedFile::write_through(FunctionRef<Result<ByteRange>()> write) {
  LockGuard guard(writeback_lock_);
  const auto before = file_->status();
  GONZO_ASSIGN(const ByteRange written, write());
  // The bytes are in the file: whether the mappings could be shown them does not undo that. Pages
  // that could not be read again differ from the file, as after an error on Linux's direct I/O.
  const auto shown = bring_in(written);
  const auto after = file_->status();
  if (shown && before && after && before->same_stamp(stamp_)) stamp_ = *after;
  return written;
}

}  // namespace gonzo
