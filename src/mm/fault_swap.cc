// A page that is in swap. Linux: do_swap_page (mm/memory.c), swap_free, free_swap_and_cache.
#include <tuple>

#include "mm/code_pages.h"
#include "mm/fault_context.h"
#include "mm/frame_use.h"
#include "mm/swapped_page.h"
#include <gonzo/frame/frame_owner.h>

namespace gonzo {
namespace {

/// What was read from swap belongs to the first entry that names it. Which one that is `maps` does
/// not tell: those who lose the race for an entry count there too for a while. False: it has been a
/// page before.
bool become_page(Frame& frame, std::uint64_t origin, std::uint64_t index) {
  if (frame_origin(frame) != 0) return false;
  set_frame_index(frame, index);
  set_frame_origin(frame, origin);
  return true;
}

}  // namespace

AddressSpace::SwappedPage AddressSpace::bring_back(const FaultContext& context) {
  const StallClock::Stall stall(manager_.stalls());
  SwapSpace& swap = *manager_.swap();
  const SwapSlot slot = slot_of(context.entry);
  const auto found = swap.look_up_or_start(slot);
  if (!found) return {};  // the entry has changed: the access is tried again
  if (found->kind == SwapSpace::Lookup::Kind::kCached) {
    if (frames_.frame(found->pfn).take(frame_flags::kReadAhead)) swap.note_readahead_hit(slot);
    return {.pfn = found->pfn};
  }

  const auto pfn = frames_.allocate(0, FrameState::kAnonymous, ZeroPolicy::kDontCare);
  if (!pfn) {
    swap.finish_read(slot, fail(Errno::kNoMem));
    return {.outcome = FaultOutcome::kOutOfMemory};
  }
  if (const auto read = manager_.read_swap(slot, *pfn); !read) {
    swap.finish_read(slot, fail(read.error()));
    frames_.put(*pfn);
    return {.outcome = FaultOutcome::kBeyondObject};
  }
  swap.finish_read(slot, *pfn);
  return {.pfn = *pfn, .shadow = Shadow{found->shadow}, .outcome = FaultOutcome::kMajor};
}

/// What was only read leaves again without being written. A copy beside the page is not worth its
/// place where that is memory, or scarce (Linux: should_try_to_free_swap).
bool AddressSpace::is_copy_welcome(SwapSlot slot, const FaultContext& context) const {
  const SwapSpace& swap = *manager_.swap();
  return context.access != Access::kWrite && !context.vma.has(vm_flags::kLocked) &&
         !swap.is_in_memory(slot) && !swap.is_half_full();
}

/// Puts the page, whose reference the caller hands over, where its slot was named. False: another
/// thread was first.
bool AddressSpace::map_swapped(FaultContext& context, const SwappedPage& page) {
  Frame& frame = frames_.frame(page.pfn);
  SwapSpace& swap = *manager_.swap();
  const SwapSlot slot = slot_of(context.entry);
  const bool is_first = frame.maps.fetch_add(1, std::memory_order_relaxed) == 0;
  Entry present = Entry::map(page.pfn, entry_flags(context.vma) | pte::kAccessed);
  announce_code(cache_, context.vma, page.pfn);
  if (!context.slot.compare_exchange(context.entry, present)) {
    if (is_first) manager_.note_arrival(page.pfn, page.shadow);  // who has won was not the first
    forget_page(page.pfn);
    frames_.put(page.pfn);
    return false;
  }
  context.entry = present;
  atomic_.rss_anon.fetch_add(1, std::memory_order_relaxed);
  atomic_.swap.fetch_sub(1, std::memory_order_relaxed);
  // Others whose entries name the slot will find this frame: then it is all the family's. Who was
  // one of them has said so before he let go of the slot.
  const std::uint64_t origin = swap.count(slot) == 1 ? id_ : root_;
  const bool is_new = become_page(frame, origin, context.index());
  const bool is_last = swap.free(slot) == SwapSpace::SlotState::kCached;
  const bool is_moved = is_last &&
                        (frame.has(frame_flags::kUnwritten) || !is_copy_welcome(slot, context)) &&
                        swap.erase_unused(slot, page.pfn);
  if (is_first || is_new) manager_.note_arrival(page.pfn, page.shadow);
  if (is_moved && context.vma.has(vm_flags::kWrite) && is_exclusive(frame)) {
    // It is nowhere else, as if it had been written to: it need not fault for that.
    set_frame_origin(frame, id_);
    const Entry writable = present.with(pte::kWrite | pte::kDirty);
    if (context.slot.compare_exchange(present, writable)) context.entry = writable;
  }
  return true;
}

FaultOutcome AddressSpace::fault_swap(FaultContext& context) {
  const SwappedPage page = bring_back(context);
  if (page.pfn.is_none()) return page.outcome;
  if (!map_swapped(context, page)) return FaultOutcome::kMinor;
  if (context.access == Access::kWrite && !context.entry.is_writable()) {
    std::ignore = fault_present(context);
  }
  bring_following(context);
  return page.outcome;
}

/// An entry that named a slot is no more.
void AddressSpace::forget_swap(Entry entry) { manager_.swap()->forget(slot_of(entry)); }

void AddressSpace::share_swap(Entry entry) { manager_.swap()->duplicate(slot_of(entry)); }

}  // namespace gonzo
