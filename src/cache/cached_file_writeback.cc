// Dirty pages back to the file. Linux: filemap_fdatawrite_range, errseq_t.
#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

#include "cache/pages.h"
#include <gonzo/cache/cached_file.h>

namespace gonzo {
namespace {

constexpr std::size_t kPagesPerWrite = 64;

}  // namespace

/// Neighbouring dirty pages, marked clean, with a reference on each.
struct CachedFile::DirtyRun {
  std::uint64_t first = 0;
  std::size_t count = 0;
  std::array<Pfn, kPagesPerWrite> frames;
};

Result<void> CachedFile::sync(std::uint64_t first, std::uint64_t end) {
  if (is_memory_) {
    // Nothing to make last (Linux: noop_fsync), but others on the host may look.
    std::ignore = write_back(first, end);
    return {};
  }
  LockGuard guard(writeback_lock_);
  std::ignore = write_back_locked(first, end);
  if (unflushed_) {
    unflushed_ = false;
    const auto flushed = writer_ != nullptr ? writer_->flush() : Result<void>();
    if (!flushed) kept_error_ = flushed.error();
  }
  if (!kept_error_) return {};
  const Errno error = *kept_error_;
  kept_error_.reset();
  return fail(error);
}

Result<void> CachedFile::write_back(std::uint64_t first, std::uint64_t end) {
  LockGuard guard(writeback_lock_);
  suspect_writable(first, end);
  return write_back_locked(first, end);
}

Result<void> CachedFile::write_dirty(std::uint64_t first, std::uint64_t end) {
  LockGuard guard(writeback_lock_);
  return write_back_locked(first, end);
}

std::optional<std::chrono::steady_clock::time_point> CachedFile::dirty_since() const {
  LockGuard guard(lock_);
  return counts_.dirty != 0 ? std::optional(dirty_since_) : std::nullopt;
}

/// Makes dirty what may have been stored to since it was last written.
void CachedFile::suspect_writable(std::uint64_t first, std::uint64_t end) {
  constexpr int kPagesPerHold = 64;
  while (first < end) {
    LockGuard guard(lock_);
    for (int i = 0; i < kPagesPerHold && first < end; ++i) {
      const PageIndex::Entry page = index_.next_marked(PageMark::kWritable, first, end);
      first = page.found() ? page.index + 1 : end;
      if (!page.found()) break;
      // Whoever unmapped it has said whether it was dirty. Memory may still be mapped for reading.
      const bool writable = !is_memory_ || has_writable_areas();
      if (!writable || frames_.frame(page.pfn).refs.load(std::memory_order_relaxed) == 1) {
        index_.clear_mark(page.index, PageMark::kWritable);
      } else {
        set_dirty(page.index, page.pfn);
      }
    }
  }
}

Result<void> CachedFile::write_back_locked(std::uint64_t first, std::uint64_t end) {
  {
    LockGuard guard(lock_);
    if (counts_.dirty == 0 || !index_.next_marked(PageMark::kDirty, first, end).found()) return {};
  }
  const auto before = file_->status();
  Result<void> outcome = before ? apply_size(before->size) : fail(before.error());
  DirtyRun run;
  // A file that cannot even tell its size keeps its pages dirty; one that refuses some pages still
  // gets the others.
  const bool can_write = outcome.has_value();
  while (can_write && take_dirty_run(first, end, run)) {
    const auto written = write_run(run, before->size);
    for (const Pfn pfn : std::span(run.frames).first(run.count)) frames_.put(pfn);
    if (!written) outcome = written;
    first = run.first + run.count;
  }
  if (!outcome) kept_error_ = outcome.error();
  // Our own writes must not look like somebody else's at the next reopen().
  const auto after = file_->status();
  if (before && after && before->same_stamp(stamp_)) stamp_ = *after;
  return outcome;
}

/// The next run of dirty pages at or after `from`. Marked clean before they are written: what
/// changes while they are is marked again by whoever changes it.
bool CachedFile::take_dirty_run(std::uint64_t from, std::uint64_t end, DirtyRun& run) {
  LockGuard guard(lock_);
  PageIndex::Entry page = index_.next_marked(PageMark::kDirty, from, end);
  run.first = page.index;
  run.count = 0;
  while (page.found() && page.index == run.first + run.count && run.count < run.frames.size()) {
    frames_.get(page.pfn);
    clear_dirty(page.index, page.pfn);
    run.frames[run.count++] = page.pfn;
    page = index_.next_marked(PageMark::kDirty, page.index, end);
  }
  return run.count != 0;
}

Result<void> CachedFile::write_run(const DirtyRun& run, std::uint64_t size) {
  const std::uint64_t start = run.first << kPageShift;
  if (start >= size) return {};
  if (writer_ == nullptr) return fail(Errno::kBadF);
  std::array<std::span<const std::byte>, kPagesPerWrite> pages;
  std::size_t count = 0;
  for (; count < run.count && start + count * kPageSize < size; ++count) {
    std::byte* page = frames_.address(run.frames[count]);
    const std::uint64_t length = std::min(kPageSize, size - (start + count * kPageSize));
    // What a mapping stored past the end is gone once the page is written, as on Linux; memory is
    // not written, there it stays.
    if (!is_memory_) std::memset(page + length, 0, kPageSize - length);
    pages[count] = {page, length};
  }
  const auto written = writer_->write_at(start, std::span(pages).first(count));
  LockGuard guard(lock_);
  ++counts_.writes;
  if (written) {
    unflushed_ = true;
    counts_.written += count;
  }
  return written;
}

}  // namespace gonzo
