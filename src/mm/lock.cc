// mlock(2), mlock2(2), munlock(2), mlockall(2), munlockall(2). Linux: mm/mlock.c.
//
// Nothing is ever taken out of memory here, so that locking is what it lets a program see: areas
// that split and merge, a count, a limit, and pages that are there afterwards.
#include <linux/mman.h>

#include <algorithm>

#include "mm/with_areas.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

using namespace vm_flags;

constexpr std::uint64_t lock_flags(int flags, int on_fault) {
  return (flags & on_fault) != 0 ? kLockMask : kLocked;
}

/// Linux lets the sum wrap: a length of ~0 is one of 0.
constexpr AddressRange whole_pages(VirtAddr start, std::uint64_t length) {
  const VirtAddr first = start.page_floor();
  return {first, first + page_ceil(length + start.page_offset())};
}

}  // namespace

/// In this order:
/// EINVAL: unknown flags.
/// EPERM: no RLIMIT_MEMLOCK at all. ENOMEM: beyond it.
/// EINVAL: the end overflows. Length 0 succeeds.
/// ENOMEM: a hole, or an area would have to be cut at max_map_count; what is before it is locked.
/// Then the pages are brought in, and all stays locked if that fails. ENOMEM: one that is not
/// accessible, or past the end of its object. EAGAIN: no frame.
Result<void> AddressSpace::lock_memory(VirtAddr start, std::uint64_t length, int flags) {
  if ((flags & ~MLOCK_ONFAULT) != 0) return fail(Errno::kInval);
  const AddressRange range = whole_pages(start, length);
  GONZO_TRY(with_areas([&]() GONZO_REQUIRES(lock_) -> Result<void> {
    if (!may_lock_at_all()) return fail(Errno::kPerm);
    std::uint64_t locked = range.pages() + counts_.locked;
    const std::uint64_t limit = limits_.locked >> kPageShift;
    if (locked > limit && !limits_.locks_freely) {
      // What is locked already does not count twice.
      locked -= locked_pages(range);
      if (locked > limit) return fail(Errno::kNoMem);
    }
    return apply_lock(range, lock_flags(flags, MLOCK_ONFAULT));
  }));
  return populate_locked(range);
}

/// EINVAL: the end overflows. Length 0 succeeds. ENOMEM: as for lock_memory().
Result<void> AddressSpace::unlock_memory(VirtAddr start, std::uint64_t length) {
  return with_areas(
      [&]() GONZO_REQUIRES(lock_) { return apply_lock(whole_pages(start, length), 0); });
}

/// EINVAL: no or unknown flags, or MCL_ONFAULT alone. EPERM: no RLIMIT_MEMLOCK at all. ENOMEM: with
/// MCL_CURRENT, the address space is larger than it. What cannot be locked or brought in is left
/// out.
Result<void> AddressSpace::lock_all(int flags) {
  constexpr int kKnown = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
  if (flags == 0 || (flags & ~kKnown) != 0 || flags == MCL_ONFAULT) return fail(Errno::kInval);
  const bool current = (flags & MCL_CURRENT) != 0;
  {
    const LockGuard guard(lock_);
    if (!may_lock_at_all()) return fail(Errno::kPerm);
    if (current && !limits_.locks_freely && counts_.total > limits_.locked >> kPageShift) {
      return fail(Errno::kNoMem);
    }
    lock_all_areas(flags);
  }
  if (current) populate({VirtAddr(0), table_->user_end()});
  return {};
}

void AddressSpace::unlock_all() {
  const LockGuard guard(lock_);
  lock_all_areas(0);
}

/// Linux: apply_mlockall_flags. MCL_FUTURE without MCL_CURRENT leaves the areas as they are.
void AddressSpace::lock_all_areas(int flags) {
  const std::uint64_t asked = lock_flags(flags, MCL_ONFAULT);
  default_flags_ &= ~kLockMask;
  if ((flags & MCL_FUTURE) != 0) {
    default_flags_ |= asked;
    if ((flags & MCL_CURRENT) == 0) return;
  }
  const std::uint64_t added = (flags & MCL_CURRENT) != 0 ? asked : 0;
  for (Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
    // Whole areas are never cut: this cannot fail.
    vma = *lock_area(*vma, vma->range(), added);
  }
}

/// Gives the areas of `range` these of the lock flags, and no others. Linux: apply_vma_lock_flags.
Result<void> AddressSpace::apply_lock(AddressRange range, std::uint64_t flags) {
  if (range.end < range.start) return fail(Errno::kInval);
  if (range.empty()) return {};
  Vma* vma = area_holding(range.start);
  for (VirtAddr at = range.start; at < range.end; vma = areas_->next(*vma)) {
    if (vma == nullptr || vma->start() > at) return fail(Errno::kNoMem);
    GONZO_ASSIGN(vma, lock_area(*vma, {at, std::min(range.end, vma->end())}, flags));
    at = vma->end();
  }
  return {};
}

/// The area that holds `range` afterwards. Areas that cannot be locked stay as they are. Linux:
/// mlock_fixup.
Result<Vma*> AddressSpace::lock_area(Vma& vma, AddressRange range, std::uint64_t flags) {
  const std::uint64_t old = vma.flags();
  const std::uint64_t wanted = (old & ~kLockMask) | flags;
  if (wanted == old || (old & kUnlockable) != 0) return &vma;
  GONZO_ASSIGN(Vma* const changed, modify_area(vma, range, wanted));
  const auto pages = static_cast<std::int64_t>(range.pages());
  account(old, -pages);
  account(wanted, pages);
  return changed;
}

/// Linux: count_mm_mlocked_page_nr.
std::uint64_t AddressSpace::locked_pages(AddressRange range) const {
  if (range.end < range.start) range.end = VirtAddr(~0ULL);
  std::uint64_t pages = 0;
  for (const Vma* vma = areas_->find(range.start); vma != nullptr && vma->start() < range.end;
       vma = areas_->next(*vma)) {
    if (vma->has(kLocked)) pages += vma->range().intersect(range).pages();
  }
  return pages;
}

}  // namespace gonzo
