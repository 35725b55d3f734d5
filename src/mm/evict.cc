// The way out of memory of pages that were chosen. Linux: shrink_folio_list's second half.
#include <algorithm>

#include "mm/traced_page.h"
#include <gonzo/mm/memory_manager.h>
#include <gonzo/mm/reclaimer.h>

namespace gonzo {

std::size_t Reclaimer::evict(std::span<const Pfn> victims) {
  std::array<Pfn, kBatch> anonymous, others;
  std::size_t anonymous_count = 0, other_count = 0, freed = 0;
  for (const Pfn pfn : victims) {
    Frame& frame = manager_.frames().frame(pfn);
    if (frame.has(frame_flags::kReadAhead)) {
      freed += evict_unused(pfn) ? 1 : 0;
    } else if (peek_state(frame) == FrameState::kPageCache) {
      others[other_count++] = pfn;
    } else {
      anonymous[anonymous_count++] = pfn;
    }
  }
  return freed + evict_anonymous(std::span(anonymous).first(anonymous_count)) +
         evict_object_pages(std::span(others).first(other_count));
}

/// Was read ahead, and nobody has asked for it: swap still has the same.
bool Reclaimer::evict_unused(Pfn pfn) {
  const Frame& frame = manager_.frames().frame(pfn);
  // As long as the flag is there.
  const SwapSlot slot = unpack_swap_slot(frame_index(frame));
  const auto found = frame.has(frame_flags::kReadAhead) ? swap_.find(slot) : std::nullopt;
  if (found != pfn) {
    if (found) manager_.frames().put(*found);
    keep(std::span(&pfn, 1), Kept::kBusy);
    return false;
  }
  Shadow shadow;
  {
    const LockGuard guard(lock_);
    shadow = policy_->evicted(pfn.value, Eviction::kDropped);
  }
  swap_.erase(slot, pfn, shadow.word);
  const bool freed = manager_.frames().put(pfn);
  const LockGuard guard(lock_);
  // Whoever has found it meanwhile has said, or is about to say, that it has arrived.
  end_isolation(pfn);
  return freed;
}

// ---- anonymous memory ----

std::size_t Reclaimer::evict_anonymous(std::span<const Pfn> victims) {
  std::array<SwapSlot, kBatch> slots;
  const std::size_t room =
      victims.empty() ? 0 : swap_.allocate(std::span(slots).first(victims.size())).value_or(0);
  if (room < victims.size()) keep(victims.subspan(room), Kept::kBusy);
  if (room == 0) return 0;
  std::array<TracedPage, kBatch> pages;
  for (std::size_t i = 0; i < room; ++i) pages[i] = {.pfn = victims[i], .slot = slots[i]};
  manager_.unmap_to_swap(std::span(pages).first(room));

  // Those that nothing could be done about go back; the others are written in one go.
  std::array<Pfn, kBatch> frames, stuck;
  std::size_t count = 0, stuck_count = 0;
  for (std::size_t i = 0; i < room; ++i) {
    if (pages[i].entries == 0) {
      swap_.free(slots[i]);
      stuck[stuck_count++] = victims[i];
    } else {
      frames[count] = pages[i].pfn;
      slots[count++] = slots[i];
    }
  }
  keep(std::span(stuck).first(stuck_count), Kept::kBusy);
  std::size_t written = 0;
  if (count != 0) {
    written = swap_.write_out(std::span(slots).first(count), std::span(frames).first(count)).pages;
  }
  unwritten_.fetch_add(count - written, std::memory_order_relaxed);
  std::size_t freed = 0;
  for (std::size_t i = 0; i < count; ++i) freed += settle(frames[i], slots[i], i < written) ? 1 : 0;
  return freed;
}

/// The end of a page's way out: the reference that was taken for it goes, and with it the frame,
/// unless somebody has found it in the cache meanwhile. A page that could not be written stays in
/// the cache until it is asked for.
bool Reclaimer::settle(Pfn pfn, SwapSlot slot, bool written) {
  FrameAllocator& frames = manager_.frames();
  const auto state = swap_.free(slot);
  const bool unwanted = state == SwapSpace::SlotState::kCached;
  const bool leaves =
      (written || unwanted) && frames.frame(pfn).maps.load(std::memory_order_acquire) == 0;
  Shadow shadow;
  {
    const LockGuard guard(lock_);
    if (leaves) {
      shadow = policy_->evicted(pfn.value, Eviction::kWritten);
    } else {
      policy_->kept(pfn.value, written ? Kept::kReferenced : Kept::kBusy);
    }
  }
  if (unwanted) {
    swap_.erase_unused(slot, pfn);
  } else if (written) {
    swap_.erase(slot, pfn, shadow.word);
  }
  const bool freed = frames.put(pfn);
  const LockGuard guard(lock_);
  end_isolation(pfn);
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
