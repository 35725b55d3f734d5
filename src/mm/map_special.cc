// Areas that no system call makes: the stack, the vDSO. Linux: setup_arg_pages (fs/exec.c),
// _install_special_mapping (mm/mmap.c).
#include <linux/mman.h>

#include "mm/protection.h"
#include "mm/with_areas.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// ENOMEM: no room, or the range is taken. EINVAL: unaligned, or nothing to map. EPERM: below
/// mmap_min_addr.
Result<VirtAddr> AddressSpace::map_special(VirtAddr start, std::span<const SpecialArea> areas) {
  std::uint64_t length = 0;
  for (const SpecialArea& area : areas) length += area.pages * kPageSize;
  if (length == 0) return fail(Errno::kInval);
  const int flags = start == VirtAddr() ? 0 : MAP_FIXED;
  return with_areas([&]() GONZO_REQUIRES(lock_) -> Result<VirtAddr> {
    GONZO_ASSIGN(const VirtAddr first, place(start, length, flags));
    if (!is_free({first, first + length})) return fail(Errno::kNoMem);
    GONZO_TRY(reserve_areas(static_cast<unsigned>(areas.size())));
    VirtAddr at = first;
    for (const SpecialArea& area : areas) {
      const AddressRange range{at, at + area.pages * kPageSize};
      const std::uint64_t area_flags = area.flags | vm_flags::kDontExpand;
      account(area_flags, static_cast<std::int64_t>(area.pages));
      insert_area(range, {.flags = area_flags, .object = area.object, .special_name = area.name});
      at = range.end;
    }
    return first;
  });
}

/// ENOMEM: the range is taken, reserved or beyond the user half, or over RLIMIT_AS, or more
/// than may be committed. EINVAL: unaligned or empty.
Result<void> AddressSpace::map_stack(VirtAddr top, std::uint64_t bytes, bool executable) {
  const std::uint64_t length = page_ceil(bytes);
  if (length == 0 || !top.is_page_aligned()) return fail(Errno::kInval);
  if (top > table_->user_end() || length > top.value) return fail(Errno::kNoMem);
  const AddressRange range{top - length, top};
  std::uint64_t flags = kDataFlags | vm_flags::kGrowsDown | vm_flags::kAccount;
  if (executable) flags |= vm_flags::kExec;
  return with_areas([&]() GONZO_REQUIRES(lock_) -> Result<void> {
    if (config_.reserved.overlaps(range) || !is_free(range)) return fail(Errno::kNoMem);
    const auto pages = static_cast<std::int64_t>(range.pages());
    if (!may_expand(flags, pages)) return fail(Errno::kNoMem);
    GONZO_TRY(reserve_areas(1));
    GONZO_TRY(charge(range.pages()));
    account(flags, pages);
    insert_area(range, {.flags = flags, .page_offset = range.start.page_number()});
    return {};
  });
}

}  // namespace gonzo
