// An address space's part in reclaim: which of these pages it used, and their way out.
// Linux: folio_referenced_one, try_to_unmap_one (mm/rmap.c).
#include "mm/frame_use.h"
#include "mm/traced_page.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// Where one of our entries maps the page; `slot` is empty when none does.
struct AddressSpace::PagePlace {
  const Vma* vma = nullptr;
  VirtAddr address;
  EntryRef slot;
  Entry entry;
};

/// What an area maps at `address`, if it is `page`.
bool AddressSpace::is_page_at(const TracedPage& page, VirtAddr address, PagePlace& place) const {
  place.slot = table_->find(address);
  if (!place.slot) return false;
  place.entry = place.slot.load();
  place.address = address;
  return place.entry.is_mapping() && !place.entry.has(pte::kSpecial) &&
         place.entry.pfn() == page.pfn;
}

/// Anonymous areas count their pages by address, so that is the first guess. Those of files, and
/// those that mremap has moved, are looked for.
AddressSpace::PagePlace AddressSpace::find_page(const TracedPage& page) const {
  PagePlace place;
  const auto holds = [&](const Vma& vma) {
    const std::uint64_t first = vma.page_index(vma.start());
    if (!vma.has_own_pages() || page.index < first || page.index - first >= vma.pages()) {
      return false;
    }
    place.vma = &vma;
    return is_page_at(page, vma.start() + (page.index - first) * kPageSize, place);
  };
  const VirtAddr guess(page.index << kPageShift);
  if (guess < table_->user_end()) {
    const Vma* vma = areas_->find(guess);
    if (vma != nullptr && vma->start() <= guess && holds(*vma)) return place;
  }
  for (const Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
    if (holds(*vma)) return place;
  }
  return {};
}

void AddressSpace::harvest_references(std::span<TracedPage* const> pages) {
  const SharedLockGuard guard(lock_);
  TlbGather gather(frames_, cache_);
  for (TracedPage* page : pages) {
    PagePlace place = find_page(*page);
    if (place.vma == nullptr || !place.slot) continue;
    ++page->entries;
    if (!place.entry.has(pte::kAccessed)) continue;
    ++page->seen.entries;
    page->seen.executable = page->seen.executable || place.vma->has(vm_flags::kExec);
    // Only A goes; whatever else changes meanwhile is another fault's, and stays.
    if (place.slot.compare_exchange(place.entry, place.entry.without(pte::kAccessed))) {
      gather.touch({place.address, place.address + kPageSize}, Stricter::kGone);
    }
  }
}

/// Held alone, the lock keeps faults, copies and new pins out: what a page holds when its entry has
/// gone is what swap will hold.
void AddressSpace::unmap_to_swap(std::span<TracedPage* const> pages) {
  const LockGuard guard(lock_);
  note_peak_rss();
  TlbGather gather(frames_, cache_);
  for (TracedPage* page : pages) {
    const PagePlace place = find_page(*page);
    if (place.vma == nullptr || !place.slot || place.vma->has(vm_flags::kLocked)) continue;
    unmap_to_swap(gather, *page, place);
  }
}

void AddressSpace::unmap_to_swap(TlbGather& gather, TracedPage& page, const PagePlace& place) {
  SwapSpace& swap = *manager_.swap();
  Frame& frame = frames_.frame(page.pfn);
  const bool is_first = page.entries == 0;
  // Ours and the cache's, from the second entry on.
  const std::int32_t own = is_first ? 0 : 2;
  if (frame.state != FrameState::kAnonymous) return;
  if (frame.refs.load(std::memory_order_acquire) - own > frame.maps.load()) return;  // pinned
  if (is_first) {
    if (!swap.insert(page.slot, page.pfn)) return;
    frames_.get(page.pfn);
  }
  swap.duplicate(page.slot);
  place.slot.exchange(Entry::swap(page.slot.type, page.slot.offset));
  gather.touch({place.address, place.address + kPageSize}, Stricter::kGone);
  ++page.entries;
  atomic_.rss_anon.fetch_sub(1, std::memory_order_relaxed);
  atomic_.swap.fetch_add(1, std::memory_order_relaxed);
  forget_map(frame);
  gather.release(page.pfn);
}

}  // namespace gonzo
