// Bringing pages in. Linux: filemap_fault, page_cache_ra_unbounded, filemap_read_folio.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>

#include "cache/pages.h"
#include <gonzo/base/check.h>
#include <gonzo/cache/cached_file.h>
#include <gonzo/frame/frame_owner.h>
#include <gonzo/frame/stall_clock.h>

namespace gonzo {
namespace {

constexpr std::size_t kMostPages = ReadAheadLimits::kMostPages;

void zero_from(std::byte* page, std::uint64_t offset) {
  std::memset(page + offset, 0, kPageSize - offset);
}

}  // namespace

/// Frames for the pages [first, first + count) on their way into the index.
struct CachedFile::ReadBatch {
  std::uint64_t first = 0;
  std::size_t count = 0;
  std::size_t good = 0;                     ///< how many from the first on were read
  std::uint64_t alone = ~std::uint64_t{0};  ///< a page that was read by itself
  std::uint64_t reads = 0;                  ///< calls to the host
  std::array<Pfn, kMostPages> frames;

  std::uint64_t end() const { return first + count; }
  bool is_good(std::uint64_t page) const { return page < first + good || page == alone; }

  void discard(FrameAllocator& allocator) {
    for (std::size_t i = 0; i < count; ++i) allocator.put(frames[i]);
    count = 0;
  }

  /// Cuts to the pages of `run`, freeing the frames of the others.
  void cut(FrameAllocator& allocator, PageWindow run) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (first + i >= run.first && first + i < run.end) {
        frames[kept++] = frames[i];
      } else {
        allocator.put(frames[i]);
      }
    }
    first = run.first;
    count = kept;
  }
};

/// nullopt: somebody else brought the page in meanwhile; look again.
Result<std::optional<ObjectPage>> CachedFile::read_in(std::uint64_t index, std::uint64_t size,
                                                      PageIntent intent) {
  ReadBatch batch;
  PageWindow readable{.first = 0, .end = kEveryPage};
  if (is_memory_) {
    GONZO_ASSIGN(readable, data_at(index));
  }
  {
    LockGuard guard(lock_);
    if (look_up(index).kind != Lookup::Kind::kAbsent) return std::nullopt;
    PageWindow run = absent_run(index, pages_of(size), intent);
    run.first = std::max(run.first, readable.first);
    run.end = std::min(run.end, readable.end);
    batch.first = run.first;
    batch.count = run.pages();
  }
  GONZO_TRY(allocate(batch, index));
  const auto inserted = insert(batch, index);
  if (!inserted || !*inserted) {
    batch.discard(frames_);
    if (!inserted) return fail(inserted.error());
    return std::nullopt;
  }
  const auto filled = fill_stalled(batch, index, size);
  const ObjectPage page = publish(batch, index, intent);
  if (!filled) return fail(filled.error());
  return page;
}

/// What may be read along with a page of a file in memory: the holes beside it are no pages until
/// they are touched. `index` is one from now on. EFAULT: the host has no room for it; ENOMEM.
Result<PageWindow> CachedFile::data_at(std::uint64_t index) {
  const std::uint64_t offset = index << kPageShift;
  const std::uint64_t end = file_->data_end(offset);
  if (end > offset) return PageWindow{.first = index, .end = std::max(pages_of(end), index + 1)};
  if (const auto allocated = file_->allocate(offset, kPageSize); !allocated) {
    return fail(allocated.error() == Errno::kNoMem ? Errno::kNoMem : Errno::kFault);
  }
  return PageWindow{.first = index, .end = index + 1};
}

/// The part of the read-ahead window around `index` that can be read in one go.
PageWindow CachedFile::absent_run(std::uint64_t index, std::uint64_t file_pages,
                                  PageIntent intent) {
  if (intent == PageIntent::kReadAlone) return {.first = index, .end = index + 1};
  const PageWindow window = read_ahead_.plan(index, file_pages);
  std::array<Pfn, kMostPages> there;
  const auto pages = std::span(there).first(window.pages());
  index_.find_run(window.first, pages);
  PageWindow run{.first = index, .end = index + 1};
  while (run.first > window.first && pages[run.first - 1 - window.first].is_none()) --run.first;
  while (run.end < window.end && pages[run.end - window.first].is_none()) ++run.end;
  return run;
}

/// Frames for the batch, in as few contiguous blocks as can be had. When memory is short only the
/// page that was asked for counts, and the batch becomes that one. ENOMEM, with nothing held.
Result<void> CachedFile::allocate(ReadBatch& batch, std::uint64_t index) {
  const std::size_t wanted = batch.count;
  batch.count = 0;
  while (batch.count < wanted) {
    const auto order =
        std::min(static_cast<unsigned>(std::bit_width(wanted - batch.count)) - 1, kMaxOrder);
    const auto block = frames_.allocate_split(order, FrameState::kPageCache, ZeroPolicy::kDontCare);
    if (!block) break;
    for (std::size_t i = 0; i < std::size_t{1} << order; ++i) {
      batch.frames[batch.count++] = *block + i;
    }
  }
  if (batch.end() > index) return {};
  batch.discard(frames_);
  GONZO_ASSIGN(batch.frames[0], frames_.allocate(0, FrameState::kPageCache, ZeroPolicy::kDontCare));
  batch.first = index;
  batch.count = 1;
  return {};
}

/// Enters the batch as pages being read; their frames' one reference becomes the index's. False,
/// with the batch untouched, when `index` is no longer absent. ENOMEM; ENOSPC: no more memory may
/// be committed.
Result<bool> CachedFile::insert(ReadBatch& batch, std::uint64_t index) {
  if (is_memory_) {
    const auto charge = [&] {
      LockGuard guard(lock_);
      return charge_.grow(batch.count);
    };
    // Where not all of it may be committed, the page that was asked for counts.
    if (!charge()) {
      batch.cut(frames_, {.first = index, .end = index + 1});
      if (!charge()) return fail(Errno::kNoSpc);
    }
  }
  PageIndex::SpareNodes nodes;
  PageWindow run;
  for (;;) {
    std::size_t needed = 0;
    {
      LockGuard guard(lock_);
      needed = index_.nodes_needed(batch.first, batch.end());
      if (nodes.count() >= needed) {
        run = insert_run(batch, index, nodes);
        if (is_memory_) charge_.shrink(batch.count - run.pages());
        break;
      }
    }
    if (const auto filled = nodes.fill(needed); !filled) {
      LockGuard guard(lock_);
      if (is_memory_) charge_.shrink(batch.count);
      return fail(filled.error());
    }
  }
  if (run.pages() == 0) return false;
  batch.cut(frames_, run);
  return true;
}

/// What others brought in meanwhile may split the batch: enters the part around `index`, and says
/// which that is.
PageWindow CachedFile::insert_run(const ReadBatch& batch, std::uint64_t index,
                                  PageIndex::SpareNodes& nodes) {
  PageWindow run{.first = index, .end = index};
  while (run.end < batch.end() && index_.find(run.end).is_none()) ++run.end;
  if (run.end == index) return run;
  while (run.first > batch.first && index_.find(run.first - 1).is_none()) --run.first;
  for (std::uint64_t page = run.first; page < run.end; ++page) {
    const Pfn pfn = batch.frames[page - batch.first];
    Frame& frame = frames_.frame(pfn);
    frame.clear(frame_flags::kUptodate | frame_flags::kDirty);
    if (is_memory_) frame.set(frame_flags::kSwapBacked);
    frame.mapping = this;
    set_frame_index(frame, page);
    set_frame_origin(frame, number_);
    index_.insert(page, pfn, nodes);
  }
  return run;
}

/// Reads the batch. What read-ahead cannot have does not matter: only an error on `index` itself is
/// one. EIO; EFAULT when the file has become too short.
Result<void> CachedFile::fill(ReadBatch& batch, std::uint64_t index, std::uint64_t size) {
  const std::uint64_t start = batch.first << kPageShift;
  if (batch.count > 1) {
    std::array<std::span<std::byte>, kMostPages> blocks;
    std::size_t used = 0;
    for (std::size_t i = 0; i < batch.count; ++i) {
      std::byte* page = frames_.address(batch.frames[i]);
      if (used != 0 && blocks[used - 1].data() + blocks[used - 1].size() == page) {
        blocks[used - 1] = {blocks[used - 1].data(), blocks[used - 1].size() + kPageSize};
      } else {
        blocks[used++] = {page, kPageSize};
      }
    }
    ++batch.reads;
    const std::size_t read = file_->read_at(start, std::span(blocks).first(used)).value_or(0);
    batch.good = read / kPageSize;
    // A page that is there in part is whole if the file ends in it; else an error cut it off.
    if (read % kPageSize != 0 && start + read == size) {
      zero_from(frames_.address(batch.frames[batch.good++]), read % kPageSize);
    }
    if (batch.is_good(index)) return {};
  }
  std::byte* page = frames_.address(batch.frames[index - batch.first]);
  const std::span<std::byte> block(page, kPageSize);
  ++batch.reads;
  const auto read = file_->read_at(index << kPageShift, {&block, 1});
  if (!read) return fail(Errno::kIo);
  if (*read == 0) return fail(Errno::kFault);
  zero_from(page, *read);
  batch.alone = index;
  return {};
}

/// Time that is lost to want of memory, if the page was here before.
Result<void> CachedFile::fill_stalled(ReadBatch& batch, std::uint64_t index, std::uint64_t size) {
  StallClock* const clock = objects_ != nullptr ? objects_->stall_of(number_, index) : nullptr;
  std::optional<StallClock::Stall> stall;
  if (clock != nullptr) stall.emplace(*clock);
  return fill(batch, index, size);
}

/// Ends "being read": good pages are ready, the others leave the index. With `index` good, the
/// caller's page and its reference.
ObjectPage CachedFile::publish(ReadBatch& batch, std::uint64_t index, PageIntent intent) {
  ObjectPage asked{.pfn = Pfn::none(), .major = true};
  std::array<Pfn, kMostPages> arrived;
  std::size_t arrivals = 0;
  {
    PageIndex::SpareNodes nodes;
    LockGuard guard(lock_);
    std::size_t failed = 0;
    for (std::size_t i = 0; i < batch.count; ++i) {
      const std::uint64_t page = batch.first + i;
      const Pfn pfn = batch.frames[i];
      if (!batch.is_good(page)) {
        remove(page, pfn, nodes);
        batch.frames[failed++] = pfn;
        continue;
      }
      frames_.frame(pfn).set(frame_flags::kUptodate);
      arrived[arrivals++] = pfn;
      if (page != index) {
        ++counts_.read_ahead;
        continue;
      }
      ++counts_.misses;
      frames_.get(pfn);
      asked.pfn = pfn;
      note_use(index, pfn, intent);
    }
    batch.count = failed;
    counts_.reads += batch.reads;
    reads_finished_.fetch_add(1, std::memory_order_release);
  }
  reads_finished_.notify_all();
  batch.discard(frames_);
  if (objects_ != nullptr) {
    for (const Pfn pfn : std::span(arrived).first(arrivals)) objects_->page_arrived(pfn);
  }
  return asked;
}

}  // namespace gonzo
