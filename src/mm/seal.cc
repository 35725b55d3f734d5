// mseal(2). Linux: do_mseal (mm/mseal.c). What a seal forbids is checked where it is done: unmap,
// protect, remap, advise.
#include <algorithm>

#include "mm/with_areas.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// EINVAL: any flag; `start` unaligned; the length or the end overflows. Length 0 succeeds.
/// ENOMEM: a hole, with nothing sealed; max_map_count, with what comes before it sealed.
Result<void> AddressSpace::seal(VirtAddr start, std::uint64_t length, std::uint64_t flags) {
  if (flags != 0 || !start.is_page_aligned()) return fail(Errno::kInval);
  const std::uint64_t rounded = page_ceil(length);
  if (length != 0 && rounded == 0) return fail(Errno::kInval);
  const AddressRange range{start, start + rounded};
  if (range.end < range.start) return fail(Errno::kInval);
  if (rounded == 0) return {};

  return with_areas([&]() GONZO_REQUIRES(lock_) -> Result<void> {
    if (!is_covered(range)) return fail(Errno::kNoMem);
    return for_each_part(
        range, [&](Vma& vma, AddressRange part) GONZO_NO_THREAD_SAFETY_ANALYSIS -> Result<void> {
          if (vma.has(vm_flags::kSealed)) return {};
          GONZO_TRY(modify_area(vma, part, vma.flags() | vm_flags::kSealed));
          return {};
        });
  });
}

/// Linux: !range_contains_unmapped.
bool AddressSpace::is_covered(AddressRange range) const {
  VirtAddr at = range.start;
  for (const Vma* vma = areas_->find(at); at < range.end; vma = areas_->next(*vma)) {
    if (vma == nullptr || vma->start() > at) return false;
    at = vma->end();
  }
  return true;
}

}  // namespace gonzo
