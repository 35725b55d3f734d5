// An address space's part in reclaim of anonymous pages: which of these it used, and their way out.
// Linux: folio_referenced_one, try_to_unmap_one (mm/rmap.c).
#include "mm/aged_pages.h"
#include "mm/page_place.h"
#include "mm/traced_page.h"

namespace gonzo {
namespace {

/// Of a page that is mapped: `own` of its references are neither entries' nor pins'.
bool is_pinned(const Frame& frame, std::int32_t own) {
  return frame.refs.load(std::memory_order_acquire) - own > frame.maps.load();
}

}  // namespace

/// In an area that has it, if one does.
std::optional<AddressSpace::PagePlace> AddressSpace::place_in(const Vma& vma,
                                                              const TracedPage& page) const {
  const std::uint64_t first = vma.page_index(vma.start());
  if (page.index < first || page.index - first >= vma.pages()) return {};
  PagePlace place{.vma = vma, .address = vma.start() + (page.index - first) * kPageSize};
  place.slot = table_->find(place.address);
  if (!place.slot) return {};
  place.entry = place.slot.load();
  const bool here =
      place.entry.is_mapping() && !place.entry.has(pte::kSpecial) && place.entry.pfn() == page.pfn;
  return here ? std::optional(place) : std::nullopt;
}

/// Anonymous areas count their pages by address, so that is the first guess. Copies of an object's
/// pages are looked for where it is mapped, those that mremap has moved everywhere.
std::optional<AddressSpace::PagePlace> AddressSpace::find_page(const TracedPage& page) const {
  const VirtAddr guess(page.index << kPageShift);
  if (guess < table_->user_end()) {
    const Vma* vma = areas_->find(guess);
    if (vma != nullptr && vma->start() <= guess && vma->is_anonymous()) {
      if (auto place = place_in(*vma, page)) return place;
    }
  }
  for (const Vma& vma : object_areas_) {
    if (!vma.has_own_pages()) continue;
    if (auto place = place_in(vma, page)) return place;
  }
  if (!has_moved_areas_) return {};
  for (const Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
    if (!vma->has_own_pages() || !vma->is_anonymous()) continue;
    if (auto place = place_in(*vma, page)) return place;
  }
  return {};
}

/// Only A goes; whatever else changes meanwhile is another fault's, and stays.
void AddressSpace::note_reference(TlbGather& gather, TracedPage& page, PagePlace place) {
  ++page.entries;
  if (!place.entry.has(pte::kAccessed)) return;
  ++page.seen.entries;
  page.seen.executable = page.seen.executable || place.vma.has(vm_flags::kExec);
  if (place.slot.compare_exchange(place.entry, place.entry.without(pte::kAccessed))) {
    gather.touch({place.address, place.address + kPageSize}, Stricter::kAccessed);
  }
}

void AddressSpace::harvest_references(std::span<TracedPage* const> pages) {
  const SharedLockGuard guard(lock_);
  {
    AgedPages aged(cache_);
    for (const TracedPage* page : pages) {
      const auto place = find_page(*page);
      if (place && !place->entry.has(pte::kAccessed)) aged.add(place->address);
    }
  }
  TlbGather gather(frames_, cache_, TlbGather::Gaps::kSpared);
  for (TracedPage* page : pages) {
    if (const auto place = find_page(*page)) note_reference(gather, *page, *place);
  }
}

/// Held alone, the lock keeps faults, copies, writes and new pins out: what a page holds when its
/// entry has gone is what swap will hold.
void AddressSpace::unmap_each(std::span<TracedPage* const> pages, UnmapPage each) {
  const LockGuard guard(lock_);
  note_peak_rss();
  TlbGather gather(frames_, cache_, TlbGather::Gaps::kSpared);
  for (TracedPage* page : pages) {
    const auto place = find_page(*page);
    if (place && !place->vma.has(vm_flags::kLocked)) (this->*each)(gather, *page, *place);
  }
}

void AddressSpace::unmap_to_swap(std::span<TracedPage* const> pages) {
  unmap_each(pages, &AddressSpace::unmap_page_to_swap);
}

void AddressSpace::unmap_page_to_swap(TlbGather& gather, TracedPage& page, const PagePlace& place) {
  SwapSpace& swap = *manager_.swap();
  Frame& frame = frames_.frame(page.pfn);
  if (frame.state != FrameState::kAnonymous) return;
  if (is_pinned(frame, page.is_cached ? 2 : 0)) return;  // ours and the cache's
  if (!page.is_cached) {
    // Another page by now.
    if (is_watched(frame)) return;
    if (!swap.insert(page.slot, page.pfn)) return;
    frames_.get(page.pfn);
    page.is_cached = true;
  }
  swap.duplicate(page.slot);
  end_entry(gather, page, place, Entry::swap(page.slot.type, page.slot.offset));
  atomic_.swap.fetch_add(1, std::memory_order_relaxed);
}

void AddressSpace::end_entry(TlbGather& gather, TracedPage& page, const PagePlace& place,
                             Entry next) {
  place.slot.exchange(next);
  gather.touch({place.address, place.address + kPageSize}, Stricter::kGone);
  ++page.entries;
  atomic_.rss_anon.fetch_sub(1, std::memory_order_relaxed);
  forget_map(frames_.frame(page.pfn));
  gather.release(page.pfn);
}

void AddressSpace::unmap_lazily_freed(std::span<TracedPage* const> pages) {
  unmap_each(pages, &AddressSpace::unmap_lazily_freed_page);
}

/// A write would have taken the flag away first.
void AddressSpace::unmap_lazily_freed_page(TlbGather& gather, TracedPage& page,
                                           const PagePlace& place) {
  const Frame& frame = frames_.frame(page.pfn);
  if (frame.state != FrameState::kAnonymous || !frame.has(frame_flags::kLazyFree)) return;
  const bool is_first = page.entries == 0;
  if (is_pinned(frame, is_first ? 0 : 1)) return;
  if (is_first) frames_.get(page.pfn);
  end_entry(gather, page, place, Entry());
  table_->entry_blanked(place.slot);
}

}  // namespace gonzo
