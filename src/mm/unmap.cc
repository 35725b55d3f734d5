// munmap(2). Linux: do_vmi_munmap, do_vmi_align_munmap (mm/vma.c).
#include "mm/with_areas.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// EINVAL: `start` is unaligned, the range reaches past the user half, or the length is 0.
/// ENOMEM: the middle of an area is to go, and there are max_map_count areas already. EPERM: a part
/// is sealed. EINVAL: a special area is to be cut. A hole is no error.
Result<void> AddressSpace::unmap(VirtAddr start, std::uint64_t length) {
  const VirtAddr end = table_->user_end();
  if (!start.is_page_aligned() || start > end || length > end - start) return fail(Errno::kInval);
  if (length == 0) return fail(Errno::kInval);
  return with_areas(
      [&]() GONZO_REQUIRES(lock_) { return unmap_locked({start, start + page_ceil(length)}); });
}

Result<void> AddressSpace::unmap_tail(VirtAddr start, VirtAddr end) {
  if (end > table_->user_end() || start >= end) return fail(Errno::kInval);
  return unmap_locked({start, end});
}

/// Linux lets the count go one above its limit for a moment, so only a piece out of the middle
/// counts. What refuses further up is met when the first area has been split, which stays so.
Result<void> AddressSpace::check_unmap(AddressRange range) {
  Vma* const first = areas_->find(range.start);
  if (first == nullptr) return {};
  const bool starts_inside = first->start() < range.start;
  const bool middle = starts_inside && range.end < first->end();
  if (middle && areas_->size() >= manager_.config().max_map_count) return fail(Errno::kNoMem);
  for (Vma* vma = first; vma != nullptr && vma->start() < range.end; vma = areas_->next(*vma)) {
    const bool cut = vma->start() < range.start || range.end < vma->end();
    const bool sealed = vma->has(vm_flags::kSealed);
    if (!sealed && !(cut && vma->is_special())) continue;
    if (vma != first && starts_inside) {
      GONZO_TRY(reserve_areas(1));
      cut_area(*first, range.start);
    }
    return fail(sealed ? Errno::kPerm : Errno::kInval);
  }
  return {};
}

Result<void> AddressSpace::unmap_locked(AddressRange range, Charges charges) {
  GONZO_TRY(check_unmap(range));
  GONZO_TRY(reserve_areas(2));  // a cut at either end
  Vma* first = areas_->find(range.start);
  if (first == nullptr || first->start() >= range.end) return {};
  if (first->start() < range.start) first = &cut_area(*first, range.start);

  const Vma* below = areas_->previous(*first);
  const VirtAddr floor = below != nullptr ? below->end() : VirtAddr(0);
  {
    TlbGather gather(frames_, cache_);
    Vma* vma = first;
    for (; vma != nullptr && vma->start() < range.end; vma = areas_->next(*vma)) {
      if (vma->end() > range.end) cut_area(*vma, range.end);
      zap_range(gather, *vma, vma->range(), Zap::kEverything);
    }
    const VirtAddr ceiling = vma != nullptr ? vma->start() : table_->user_end();
    table_->free_tables(range, floor, ceiling, gather);
  }
  for (Vma* vma = first; vma != nullptr && vma->start() < range.end;) {
    Vma* next = areas_->next(*vma);
    account(vma->flags(), -static_cast<std::int64_t>(vma->pages()));
    if (charges == Charges::kRelease && vma->has(vm_flags::kAccount)) uncharge(vma->pages());
    erase_area(*vma);
    vma = next;
  }
  return {};
}

}  // namespace gonzo
