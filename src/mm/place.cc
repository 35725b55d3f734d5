// Where a mapping goes. Linux: __get_unmapped_area (mm/mmap.c),
// arch_get_unmapped_area_topdown (arch/x86/kernel/sys_x86_64.c).
#include <linux/mman.h>

#include <algorithm>

#include "mm/layout.h"
#include "mm/mmap_flags.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// `length` is page aligned and not 0. In this order:
/// ENOMEM: longer than the user half; MAP_FIXED past its end, or over the reserved range.
/// EINVAL: MAP_FIXED at an unaligned address.
/// EPERM: MAP_FIXED below mmap_min_addr.
/// ENOMEM: no room.
Result<VirtAddr> AddressSpace::place(VirtAddr hint, std::uint64_t length, int flags) const {
  const VirtAddr end = table_->user_end();
  const VirtAddr lowest(manager_.config().mmap_min_addr);
  if (length > end.value) return fail(Errno::kNoMem);
  if ((flags & MAP_FIXED) != 0) {
    if (hint > end - length) return fail(Errno::kNoMem);
    if (!hint.is_page_aligned()) return fail(Errno::kInval);
    if (config_.reserved.overlaps({hint, hint + length})) return fail(Errno::kNoMem);
    if (hint < lowest) return fail(Errno::kPerm);
    return hint;
  }
  // Linux: round_hint_to_min().
  hint = hint.page_floor();
  if (hint != VirtAddr()) hint = std::max(hint, lowest.page_ceil());
  const auto found = find_room(length, hint, flags);
  if (!found) return fail(Errno::kNoMem);
  return *found;
}

/// Linux asks nothing of the area below a hint, and of the one above only that a stack keeps its
/// guard.
bool AddressSpace::hint_is_free(VirtAddr hint, std::uint64_t length) const {
  if (hint == VirtAddr() || hint > table_->user_end() - length) return false;
  // Linux: mmap_address_hint_valid(). A mapping lies on one side of the window's end.
  const VirtAddr window = map_window(*table_);
  if ((hint > window) != (hint + length > window)) return false;
  if (config_.reserved.overlaps({hint, hint + length})) return false;
  const Vma* vma = areas_->find(hint);
  return vma == nullptr || hint + length <= guarded_start(*vma, guard_bytes());
}

/// The hint if it is free, else the highest room below mmap_base, else the lowest anywhere.
std::optional<VirtAddr> AddressSpace::find_room(std::uint64_t length, VirtAddr hint,
                                                int flags) const {
  const VirtAddr window = map_window(*table_);
  const VirtAddr lowest(manager_.config().mmap_min_addr);
  const bool wide = !is_32bit(config_.format);
  const bool beyond_window = hint > window;
  const std::uint64_t guard = guard_bytes();

  VirtAddr begin = legacy_base(window);
  VirtAddr end = beyond_window ? table_->user_end() : window;
  if (wide && (flags & MAP_32BIT) != 0) {
    begin = VirtAddr(1ULL << 30);
    end = VirtAddr(2ULL << 30);
    if (hint <= end - length && hint_is_free(hint, length)) return hint;
  } else {
    if (hint_is_free(hint, length)) return hint;
    const bool above_4g = wide && (flags & kMapAbove4G) != 0;
    const VirtAddr high =
        beyond_window ? config_.mmap_base + (table_->user_end() - window) : config_.mmap_base;
    const auto found =
        find_gap_down({length, above_4g ? VirtAddr(4ULL << 30) : lowest, high, guard});
    if (found) return found;
  }
  return find_gap_up({length, std::max(begin, lowest), end, guard});
}

/// As Linux does it (unmapped_area_topdown): where the highest gap is too short for the guard of
/// the area above it, the search goes on below the guard's end, although that may cut a gap further
/// down that would do as a whole.
std::optional<VirtAddr> AddressSpace::find_gap_down(GapRequest request) const {
  for (;;) {
    const auto found = areas_->find_gap_top_down({request.size, request.low, request.high});
    if (!found) return found;
    const AddressRange gap{*found, *found + request.size};
    if (config_.reserved.overlaps(gap)) {
      request.high = config_.reserved.start;
      continue;
    }
    const Vma* above = areas_->find(gap.start);
    if (above == nullptr || guarded_start(*above, request.guard) >= gap.end) return found;
    request.high = guarded_start(*above, request.guard);
  }
}

std::optional<VirtAddr> AddressSpace::find_gap_up(GapRequest request) const {
  const auto found = areas_->find_gap_bottom_up(request);
  if (!found || !config_.reserved.overlaps({*found, *found + request.size})) return found;
  request.low = config_.reserved.end;
  return areas_->find_gap_bottom_up(request);
}

}  // namespace gonzo
