// Drops the entries of a range. Linux: unmap_page_range, zap_pte_range (mm/memory.c).
#include "mm/filled_entries.h"
#include "mm/frame_use.h"
#include "mm/rss_change.h"

namespace gonzo {

/// Blank afterwards, but for what is to be kept. The frames lose their reference when `gather` has
/// flushed. What was written through a shared mapping is reported to its object.
void AddressSpace::zap_range(TlbGather& gather, Vma& vma, AddressRange range, Zap what) {
  note_peak_rss();
  RssChange change;
  table_->for_each_table(range, [&](VirtAddr start, EntryRef first, unsigned count) {
    unsigned blanked = 0;
    for_each_filled(start, first, count, [&](VirtAddr address, EntryRef slot, Entry seen) {
      if (seen.is_guard()) {
        if (what != Zap::kEverything) return;
        slot.store(Entry());
        ++blanked;
        return;
      }
      if (seen.is_swap()) {
        if (what == Zap::kObjectPages) return;
        slot.store(Entry());
        ++blanked;
        forget_swap(seen);
        atomic_.swap.fetch_sub(1, std::memory_order_relaxed);
        return;
      }
      if (what == Zap::kObjectPages && frames_.frame(seen.pfn()).state == FrameState::kAnonymous) {
        return;
      }
      const Entry old = slot.exchange(Entry());
      ++blanked;
      gather.touch(page_at(address), Stricter::kGone);
      if (old.has(pte::kSpecial)) return;
      Frame& frame = frames_.frame(old.pfn());
      if (vma.is_shared() && old.has(pte::kDirty)) {
        vma.object()->mark_dirty(vma.page_index(address));
      }
      change.add(frame, -1);
      forget_page(old.pfn());
      gather.release(old.pfn());
    });
    if (blanked > 0) table_->entry_blanked(first, blanked);
    return true;
  });
  count_rss(vma, change);
}

}  // namespace gonzo
