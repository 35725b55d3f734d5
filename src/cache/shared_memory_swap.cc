// Shared memory's pages leave for swap, and come back. Linux: shmem_writeout, shmem_swapin_folio.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "cache/packed_slot.h"
#include "cache/pages.h"
#include <gonzo/cache/shared_memory.h>
#include <gonzo/frame/stall_clock.h>
#include <gonzo/swap/swap_space.h>

namespace gonzo {
namespace {

constexpr std::size_t kBatch = 32;

}  // namespace

/// A page on its way out: a reference on its frame is held, and a count of its slot.
struct SharedMemory::Departure {
  DepartingPage* page = nullptr;
  SwapSlot slot;
  bool written = false;
};

// ---- back ----

/// True: with I/O. The page may still be missing: look again. EIO, ENOMEM.
Result<bool> SharedMemory::bring_back(std::uint64_t index, SwapSlot slot) {
  SwapSpace& swap = *objects_->swap();
  const auto found = swap.look_up_or_start(slot);
  if (!found) return false;  // another thread was first
  std::optional<StallClock::Stall> stall;
  if (StallClock* const clock = objects_->stall_of(number_, index)) stall.emplace(*clock);
  const bool cached = found->kind == SwapSpace::Lookup::Kind::kCached;
  if (cached && frames_.frame(found->pfn).state == FrameState::kPageCache) {
    restore(index, slot, found->pfn);
    return false;
  }
  const auto pfn = frames_.allocate(0, FrameState::kPageCache, ZeroPolicy::kDontCare);
  if (!pfn) {
    if (cached) {
      frames_.put(found->pfn);
    } else {
      swap.finish_read(slot, fail(Errno::kNoMem));
    }
    return fail(Errno::kNoMem);
  }
  if (cached) {
    // Read ahead by who could not know what it is.
    std::memcpy(frames_.address(*pfn), frames_.address(found->pfn), kPageSize);
    frames_.put(found->pfn);
    return restore(index, slot, *pfn);
  }
  if (const auto read = swap.read_in(slot, *pfn); !read) {
    swap.finish_read(slot, fail(read.error()));
    frames_.put(*pfn);
    return fail(Errno::kIo);
  }
  swap.finish_read(slot, *pfn);
  return restore(index, slot, *pfn);
}

/// Puts the frame, and the caller's reference, where the slot was, unless that has changed.
bool SharedMemory::restore(std::uint64_t index, SwapSlot slot, Pfn pfn) {
  bool restored = false;
  PageIndex::SpareNodes nodes;
  for (;;) {
    std::size_t needed = 0;
    {
      const LockGuard guard(lock_);
      if (swapped_.find(index) != pack_slot(slot)) break;
      needed = index_.nodes_needed(index, index + 1);
      if (nodes.count() >= needed) {
        swapped_.erase(index, nodes);
        enter(index, pfn, nodes);
        restored = true;
        break;
      }
    }
    if (!nodes.fill(needed)) break;
  }
  SwapSpace& swap = *objects_->swap();
  if (restored) {
    swap.forget(slot);
    objects_->page_arrived(pfn);
  } else {
    frames_.put(pfn);
  }
  return restored;
}

// ---- out ----

void SharedMemory::evict(std::span<DepartingPage> pages) {
  if (objects_ == nullptr || objects_->swap() == nullptr) return;
  for (; !pages.empty(); pages = pages.subspan(std::min(pages.size(), kBatch))) {
    std::array<Departure, kBatch> storage;
    const std::size_t count =
        start_departures(pages.first(std::min(pages.size(), kBatch)), storage);
    const std::span leaving = std::span(storage).first(count);
    std::array<SwapSlot, kBatch> slots;
    std::array<Pfn, kBatch> frames;
    for (std::size_t i = 0; i < count; ++i) {
      slots[i] = leaving[i].slot;
      frames[i] = leaving[i].page->pfn;
    }
    const auto written = objects_->swap()->write_out(std::span(slots).first(count),
                                                     std::span<const Pfn>(frames).first(count));
    for (Departure& departure : leaving.first(written.pages)) departure.written = true;
    settle(leaving);
  }
}

/// Those that nobody uses, as many as there are slots for.
std::size_t SharedMemory::start_departures(std::span<DepartingPage> pages,
                                           std::span<Departure> out) {
  SwapSpace& swap = *objects_->swap();
  std::array<SwapSlot, kBatch> slots;
  const std::size_t room = swap.allocate(std::span(slots).first(pages.size())).value_or(0);
  std::size_t used = 0, count = 0;
  {
    const LockGuard guard(lock_);
    for (DepartingPage& page : pages) {
      if (used == room) break;
      Frame& frame = frames_.frame(page.pfn);
      if (index_.find(page.index) != page.pfn || !can_pack(slots[used]) ||
          frame.refs.load(std::memory_order_acquire) != 1) {
        continue;
      }
      frames_.get(page.pfn);
      frame.clear(frame_flags::kReferenced);
      out[count++] = {.page = &page, .slot = slots[used++]};
    }
  }
  for (; used < room; ++used) swap.free(slots[used]);
  return count;
}

/// What was written and has not been asked for meanwhile is in swap from now on.
void SharedMemory::settle(std::span<Departure> leaving) {
  PageIndex::SpareNodes nodes;
  for (Departure& departure : leaving) {
    DepartingPage& page = *departure.page;
    const Frame& frame = frames_.frame(page.pfn);
    while (departure.written) {
      std::size_t needed = 0;
      {
        const LockGuard guard(lock_);
        if (index_.find(page.index) != page.pfn || frame.has(frame_flags::kReferenced)) break;
        needed = swapped_.nodes_needed(page.index, page.index + 1);
        if (nodes.count() >= needed) {
          remove(page.index, page.pfn, nodes);
          swapped_.insert(page.index, pack_slot(departure.slot), nodes);
          page.outcome = DepartingPage::Outcome::kWritten;
          break;
        }
      }
      if (!nodes.fill(needed)) break;
    }
    if (page.outcome == DepartingPage::Outcome::kWritten) {
      frames_.put(page.pfn);  // the index's
    } else {
      objects_->swap()->free(departure.slot);
    }
    frames_.put(page.pfn);
  }
}

std::uint64_t SharedMemory::swapped_pages(std::uint64_t first, std::uint64_t end) {
  const LockGuard guard(lock_);
  if (first == 0 && end == kEveryPage) return swapped_.size();
  std::uint64_t count = 0;
  for (PageIndex::Entry page; (page = swapped_.next_present(first, end)).found(); ++count) {
    first = page.index + 1;
  }
  return count;
}

void SharedMemory::drop_swapped(std::uint64_t first, std::uint64_t end) {
  std::array<SwapSlot, kBatch> slots;
  std::size_t count = kBatch;
  while (count == kBatch) {
    count = 0;
    {
      PageIndex::SpareNodes nodes;
      const LockGuard guard(lock_);
      for (PageIndex::Entry page;
           count < slots.size() && (page = swapped_.next_present(first, end)).found();) {
        slots[count++] = unpack_slot(page.pfn);
        swapped_.erase(page.index, nodes);
        if (commit_ == ShmemCommit::kByTouched) charge_.shrink(1);
      }
    }
    for (const SwapSlot slot : std::span(slots).first(count)) objects_->swap()->forget(slot);
  }
}

}  // namespace gonzo
