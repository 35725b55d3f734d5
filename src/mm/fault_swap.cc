// A page that is in swap. Linux: do_swap_page (mm/memory.c), swap_free, free_swap_and_cache.
#include <tuple>

#include "mm/code_pages.h"
#include "mm/fault_context.h"
#include <gonzo/frame/frame_owner.h>

namespace gonzo {
namespace {

SwapSlot slot_of(Entry entry) { return {entry.swap_type(), entry.swap_offset()}; }

}  // namespace

/// The page's frame, from the cache or from the device, with a reference of ours.
struct AddressSpace::SwappedPage {
  Pfn pfn;
  Shadow shadow;
  FaultOutcome outcome = FaultOutcome::kMinor;
};

/// Others whose entries name the slot will find this frame: then it is all the family's.
void AddressSpace::begin_page(Pfn pfn, SwapSlot slot, const FaultContext& context) {
  Frame& frame = frames_.frame(pfn);
  set_frame_origin(frame, manager_.swap()->count(slot) == 1 ? id_ : root_);
  set_frame_index(frame, context.index());
}

AddressSpace::SwappedPage AddressSpace::bring_back(const FaultContext& context) {
  const StallClock::Stall stall(manager_.stalls());
  SwapSpace& swap = *manager_.swap();
  const SwapSlot slot = slot_of(context.entry);
  const auto found = swap.look_up_or_start(slot);
  if (!found) return {};  // the entry has changed: the access is tried again
  if (found->kind == SwapSpace::Lookup::Kind::kCached) {
    if (frames_.frame(found->pfn).take(frame_flags::kReadAhead)) {
      begin_page(found->pfn, slot, context);
      swap.note_readahead_hit(slot);
    }
    return {.pfn = found->pfn};
  }

  const auto pfn = frames_.allocate(0, FrameState::kAnonymous, ZeroPolicy::kDontCare);
  if (!pfn) {
    swap.finish_read(slot, fail(Errno::kNoMem));
    return {.outcome = FaultOutcome::kOutOfMemory};
  }
  begin_page(*pfn, slot, context);
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

FaultOutcome AddressSpace::fault_swap(FaultContext& context) {
  const SwappedPage page = bring_back(context);
  if (page.pfn.is_none()) return page.outcome;
  Frame& frame = frames_.frame(page.pfn);
  const bool is_first = frame.maps.fetch_add(1, std::memory_order_relaxed) == 0;
  const SwapSlot slot = slot_of(context.entry);
  const Entry present = Entry::map(page.pfn, entry_flags(context.vma) | pte::kAccessed);
  announce_code(cache_, context.vma, page.pfn);
  if (!context.slot.compare_exchange(context.entry, present)) {
    forget_page(page.pfn);
    frames_.put(page.pfn);
    return FaultOutcome::kMinor;  // another thread was first
  }
  atomic_.rss_anon.fetch_add(1, std::memory_order_relaxed);
  atomic_.swap.fetch_sub(1, std::memory_order_relaxed);
  SwapSpace& swap = *manager_.swap();
  if (swap.free(slot) == SwapSpace::SlotState::kCached &&
      (frame.has(frame_flags::kUnwritten) || !is_copy_welcome(slot, context))) {
    swap.erase_unused(slot, page.pfn);
  }
  if (is_first) manager_.note_arrival(page.pfn, page.shadow);
  if (context.access == Access::kWrite) {
    context.entry = present;
    std::ignore = fault_present(context);
  }
  return page.outcome;
}

/// An entry that named a slot is no more.
void AddressSpace::forget_swap(Entry entry) { manager_.swap()->forget(slot_of(entry)); }

void AddressSpace::share_swap(Entry entry) { manager_.swap()->duplicate(slot_of(entry)); }

}  // namespace gonzo
