// fork: the child's entries of one area. Linux: copy_page_range, copy_present_ptes (mm/memory.c).
#include <cstring>

#include "mm/filled_entries.h"
#include "mm/frame_use.h"
#include "mm/rss_change.h"

namespace gonzo {

/// The child's entry for `entry`, which lies in `slot` of the parent: the same frame, read-only on
/// both sides. A frame that is pinned for writing is copied instead: what its pin's owner still
/// writes is the parent's alone (Linux: copy_present_page). Blank: no frame for the copy.
Entry AddressSpace::copy_entry(AddressSpace& child, EntryRef slot, Entry entry) {
  // A frame that no entry counts; the areas hold the object that keeps it.
  if (entry.has(pte::kSpecial)) return entry.without(pte::kAccessed);
  Frame& frame = frames_.frame(entry.pfn());
  if (entry.is_writable()) {
    if (frame.refs.load(std::memory_order_relaxed) > frame.maps.load(std::memory_order_relaxed)) {
      const auto copy = frames_.allocate(0, FrameState::kAnonymous, ZeroPolicy::kDontCare);
      if (!copy) return {};
      std::memcpy(frames_.address(*copy), frames_.address(entry.pfn()), kPageSize);
      child.map_fresh(*copy, frame.index);
      return Entry::map(*copy, entry.raw() & ~(pte::kFrameMask | pte::kAccessed));
    }
    // A processor may set A or D in between.
    while (!slot.compare_exchange(entry, entry.without(pte::kWrite))) {
    }
  }
  share(frame);
  return entry.without(pte::kWrite | pte::kAccessed);
}

/// Only areas with frames or guards of their own need it, and those that were mapped at once, with
/// no fault to do it again: objects give their pages again, and zeros are found again, by a fault
/// (Linux: vma_needs_copy, which looks for an anon_vma and VM_COPY_ON_FORK).
/// ENOMEM: the child has a part of the entries, and its end gives them back. `tightened` grows by
/// the parent's pages that lost write permission.
Result<void> AddressSpace::copy_entries(AddressSpace& child, const Vma& vma,
                                        AddressRange& tightened) {
  const bool has_pages = vma.has_own_pages() || vma.has(vm_flags::kPfnMap);
  if (!has_pages && !vma.has(vm_flags::kMaybeGuard)) return {};
  RssChange change;
  const auto copy_table = [&](VirtAddr start, EntryRef first, unsigned count) {
    if (first.leading_blanks(count) == count) return true;
    const Result<EntryRef> target = child.table_->ensure(start);
    if (!target) return false;
    bool complete = true;
    unsigned copied = 0;
    for_each_filled(start, first, count, [&](VirtAddr address, EntryRef slot, Entry entry) {
      if (!complete || (!has_pages && !entry.is_guard())) return;
      const Entry copy = entry.is_mapping() ? copy_entry(child, slot, entry) : entry;
      if (copy.is_blank()) {
        complete = false;
        return;
      }
      target->at(static_cast<unsigned>((address - start) / kPageSize)).store(copy);
      ++copied;
      if (copy.is_swap()) {
        share_swap(copy);
        child.atomic_.swap.fetch_add(1, std::memory_order_relaxed);
      }
      if (!copy.is_mapping() || copy.has(pte::kSpecial)) return;
      change.add(frames_.frame(copy.pfn()), 1);
      if (entry.is_writable() && !copy.is_writable()) {
        if (tightened.empty()) tightened.start = address;
        tightened.end = address + kPageSize;
      }
    });
    if (copied > 0) child.table_->entry_filled(*target, copied);
    return complete;
  };
  const bool complete = table_->for_each_table(vma.range(), copy_table);
  child.count_rss(vma, change);
  if (!complete) return fail(Errno::kNoMem);
  return {};
}

}  // namespace gonzo
