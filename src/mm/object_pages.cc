// An address space's part in reclaim and writeback of an object's pages.
// Linux: folio_referenced_one, try_to_unmap_one, page_mkclean_one (mm/rmap.c).
#include "mm/aged_pages.h"
#include "mm/page_place.h"
#include "mm/rss_change.h"
#include "mm/traced_page.h"

namespace gonzo {

/// Each entry here that maps one of the pages.
void AddressSpace::for_each_place(const MappedObject& object, std::span<TracedPage* const> pages,
                                  FunctionRef<void(TracedPage&, const PagePlace&)> visit) const {
  for (const Vma& vma : areas_of(object)) {
    for (TracedPage* page : pages) {
      if (const auto place = place_in(vma, *page)) visit(*page, *place);
    }
  }
}

void AddressSpace::harvest_references(const MappedObject& object,
                                      std::span<TracedPage* const> pages) {
  const SharedLockGuard guard(lock_);
  {
    AgedPages aged(cache_);
    for_each_place(object, pages, [&](TracedPage&, const PagePlace& place) {
      if (!place.entry.has(pte::kAccessed)) aged.add(place.address);
    });
  }
  TlbGather gather(frames_, cache_, TlbGather::Gaps::kSpared);
  for_each_place(object, pages, [&](TracedPage& page, const PagePlace& place) {
    note_reference(gather, page, place);
  });
}

/// Held alone, the lock keeps faults and new pins out.
void AddressSpace::unmap_pages(MappedObject& object, std::span<TracedPage* const> pages) {
  const LockGuard guard(lock_);
  note_peak_rss();
  TlbGather gather(frames_, cache_, TlbGather::Gaps::kSpared);
  for_each_place(object, pages, [&](TracedPage& page, const PagePlace& place) {
    Frame& frame = frames_.frame(page.pfn);
    if (place.vma.has(vm_flags::kLocked) || frame.state != FrameState::kPageCache) return;
    const Entry old = place.slot.exchange(Entry());
    table_->entry_blanked(place.slot, 1);
    gather.touch({place.address, place.address + kPageSize}, Stricter::kGone);
    if (old.has(pte::kDirty) && place.vma.is_shared()) object.mark_dirty(page.index);
    RssChange change;
    change.add(frame, -1);
    count_rss(place.vma, change);
    ++page.entries;
    forget_map(frame);
    gather.release(page.pfn);
  });
}

}  // namespace gonzo
