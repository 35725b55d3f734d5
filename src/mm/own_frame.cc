// Who may write to a frame in place, and what becomes of one that loses an entry, where swap has
// the same or reclaim may drop it. Linux: wp_can_reuse_anon_folio, free_swap_cache.
#include "mm/frame_use.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// Is the frame of this entry, which is claimed or under the lock held exclusively, nobody else's?
/// What swap has of it is given up for that.
bool AddressSpace::take_from_swap(Pfn pfn) {
  const Frame& frame = frames_.frame(pfn);
  if (frame.has(frame_flags::kSwapCached) && frame.maps.load(std::memory_order_relaxed) == 1) {
    manager_.swap()->release(pfn);
  }
  return is_exclusive(frame);
}

/// A frame that is nobody else's is about to be written to: it is worth keeping again.
void AddressSpace::begin_write(Pfn pfn) {
  if (frames_.frame(pfn).take(frame_flags::kLazyFree)) manager_.note_new_kind(pfn);
}

/// One entry fewer, of any frame; its reference goes afterwards. With the last one goes the slot
/// that nobody else needs. Whoever frees the slot's last count looks for entries after it, so one
/// of the two finds out.
void AddressSpace::forget_page(Pfn pfn) {
  Frame& frame = frames_.frame(pfn);
  forget_map(frame);
  if (frame.has(frame_flags::kSwapCached) && frame.maps.load() == 0) manager_.swap()->release(pfn);
}

}  // namespace gonzo
