// The way out of memory of pages that were chosen. Linux: shrink_folio_list's second half.
#include <algorithm>

#include "mm/traced_page.h"
#include <gonzo/mm/memory_manager.h>
#include <gonzo/mm/reclaimer.h>

namespace gonzo {

std::size_t Reclaimer::evict(std::span<const Pfn> victims) {
  std::array<Pfn, kBatch> anonymous, lazy, others;
  std::size_t anonymous_count = 0, lazy_count = 0, other_count = 0;
  for (const Pfn pfn : victims) {
    const Frame& frame = manager_.frames().frame(pfn);
    if (peek_state(frame) == FrameState::kPageCache) {
      others[other_count++] = pfn;
    } else if (frame.has(frame_flags::kLazyFree)) {
      lazy[lazy_count++] = pfn;
    } else {
      anonymous[anonymous_count++] = pfn;
    }
  }
  swap_.make_room(anonymous_count + other_count);
  return evict_lazily_freed(std::span(lazy).first(lazy_count)) +
         evict_anonymous(std::span(anonymous).first(anonymous_count)) +
         evict_object_pages(std::span(others).first(other_count));
}

// ---- anonymous memory ----

/// Pages that swap has already keep their slot; the others get one, as many as there are. How many
/// pages that is; the rest goes back.
std::size_t Reclaimer::give_slots(std::span<const Pfn> victims, std::span<TracedPage> pages) {
  std::array<Pfn, kBatch> fresh;
  std::size_t count = 0, fresh_count = 0;
  for (const Pfn pfn : victims) {
    if (const auto slot = swap_.claim(pfn)) {
      pages[count++] = {.pfn = pfn, .slot = *slot, .is_cached = true};
    } else {
      fresh[fresh_count++] = pfn;
    }
  }
  if (fresh_count == 0) return count;
  std::array<SwapSlot, kBatch> slots;
  const std::size_t room = swap_.allocate(std::span(slots).first(fresh_count)).value_or(0);
  for (std::size_t i = 0; i < room; ++i) pages[count++] = {.pfn = fresh[i], .slot = slots[i]};
  keep(std::span(fresh).first(fresh_count).subspan(room), Kept::kBusy);
  return count;
}

std::size_t Reclaimer::evict_anonymous(std::span<const Pfn> victims) {
  std::array<TracedPage, kBatch> storage;
  const std::span pages = std::span(storage).first(give_slots(victims, storage));
  if (pages.empty()) return 0;
  manager_.unmap_to_swap(pages);

  // Those that nothing could be done about go back; what is new, or could not be written last time,
  // is written in one go.
  std::array<SwapSlot, kBatch> slots;
  std::array<Pfn, kBatch> frames, stuck;
  std::size_t count = 0, stuck_count = 0;
  std::array<bool, kBatch> is_written{};
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (!pages[i].is_cached) {
      swap_.free(pages[i].slot);
      stuck[stuck_count++] = pages[i].pfn;
    } else if (manager_.frames().frame(pages[i].pfn).has(frame_flags::kUnwritten)) {
      is_written[i] = true;
      frames[count] = pages[i].pfn;
      slots[count++] = pages[i].slot;
    }
  }
  keep(std::span(stuck).first(stuck_count), Kept::kBusy);
  if (count != 0) {
    const std::size_t written =
        swap_.write_out(std::span(slots).first(count), std::span(frames).first(count)).pages;
    unwritten_.fetch_add(count - written, std::memory_order_relaxed);
  }
  std::size_t freed = 0;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (!pages[i].is_cached) continue;
    freed += settle(pages[i], is_written[i] ? Eviction::kWritten : Eviction::kDropped) ? 1 : 0;
  }
  return freed;
}

/// The end of a page's way out: the reference that was taken for it goes, and with it the frame,
/// unless somebody has found it in the cache meanwhile, or still has it. A page that could not be
/// written stays in the cache.
bool Reclaimer::settle(const TracedPage& page, Eviction how) {
  FrameAllocator& frames = manager_.frames();
  const Frame& frame = frames.frame(page.pfn);
  const bool is_same = !frame.has(frame_flags::kUnwritten);
  // Whose last entry goes now looks at the count afterwards.
  const bool is_unwanted = swap_.free(page.slot) == SwapSpace::SlotState::kCached;
  const bool is_mapped = frame.maps.load() != 0;
  const bool leaves = !is_mapped && (is_same || is_unwanted);
  Shadow shadow;
  {
    const LockGuard guard(lock_);
    if (leaves) {
      shadow = policy_->evicted(page.pfn.value, how);
    } else {
      // Listed again, so the next who isolates it must not find it isolated.
      policy_->kept(page.pfn.value, is_same ? Kept::kReferenced : Kept::kBusy);
      end_isolation(page.pfn);
    }
  }
  if (is_unwanted && (!is_mapped || !is_same || swap_.is_half_full())) {
    swap_.erase_unused(page.slot, page.pfn);
  } else if (leaves) {
    swap_.erase(page.slot, page.pfn, shadow.word);
  }
  const bool freed = frames.put(page.pfn);
  if (leaves) {
    const LockGuard guard(lock_);
    // Whoever has found it meanwhile has said, or is about to say, that it has arrived.
    end_isolation(page.pfn);
  }
  return freed;
}

/// Pages that hold nothing worth keeping, unless they have been written to.
std::size_t Reclaimer::evict_lazily_freed(std::span<const Pfn> victims) {
  if (victims.empty()) return 0;
  std::array<TracedPage, kBatch> storage;
  const std::span pages = std::span(storage).first(victims.size());
  for (std::size_t i = 0; i < victims.size(); ++i) pages[i].pfn = victims[i];
  manager_.unmap_lazily_freed(pages);
  FrameAllocator& frames = manager_.frames();
  std::size_t freed = 0;
  for (const TracedPage& page : pages) {
    if (page.entries == 0) {
      keep(std::span(&page.pfn, 1), Kept::kReferenced);
      continue;
    }
    // Nobody can find it any more.
    const bool leaves = frames.frame(page.pfn).maps.load() == 0;
    {
      const LockGuard guard(lock_);
      if (leaves) {
        policy_->evicted(page.pfn.value, Eviction::kDropped);
      } else {
        policy_->kept(page.pfn.value, Kept::kReferenced);
      }
      end_isolation(page.pfn);
    }
    dropped_.fetch_add(leaves ? 1 : 0, std::memory_order_relaxed);
    freed += frames.put(page.pfn) ? 1 : 0;
  }
  return freed;
}

// ---- pages of files and shared memory ----

std::size_t Reclaimer::evict_object_pages(std::span<const Pfn> victims) {
  if (victims.empty()) return 0;
  std::array<TracedPage, kBatch> storage;
  const auto pages = std::span(storage).first(victims.size());
  for (std::size_t i = 0; i < victims.size(); ++i) pages[i].pfn = victims[i];
  manager_.unmap_pages(pages);
  std::ranges::sort(pages, {}, &TracedPage::origin);
  std::size_t freed = 0;
  for (auto first = pages.begin(); first != pages.end();) {
    const auto end = std::find_if(
        first, pages.end(), [&](const TracedPage& page) { return page.origin != first->origin; });
    freed += evict_from({first, end});
    first = end;
  }
  return freed;
}

/// Pages of one object, which alone knows whether they are still its, and in use.
std::size_t Reclaimer::evict_from(std::span<const TracedPage> pages) {
  using enum DepartingPage::Outcome;
  std::array<DepartingPage, kBatch> storage;
  const auto departing = std::span(storage).first(pages.size());
  for (std::size_t i = 0; i < pages.size(); ++i) {
    departing[i] = {.index = pages[i].index, .pfn = pages[i].pfn};
  }
  if (const ObjectRef object = manager_.objects().find(pages.front().origin)) {
    object->evict(departing);
  }
  std::array<Pfn, kBatch> staying;
  std::size_t stay = 0, freed = 0;
  {
    const LockGuard guard(lock_);
    for (const DepartingPage& page : departing) {
      if (page.outcome == kStays) {
        staying[stay++] = page.pfn;
        continue;
      }
      const Shadow shadow = policy_->evicted(
          page.pfn.value, page.outcome == kDropped ? Eviction::kDropped : Eviction::kWritten);
      shadows_.remember(pages.front().origin, page.index, shadow);
      ++freed;
      end_isolation(page.pfn);
    }
  }
  keep(std::span(staying).first(stay), Kept::kBusy);
  return freed;
}

}  // namespace gonzo
