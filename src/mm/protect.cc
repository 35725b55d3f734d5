// mprotect(2). Linux: do_mprotect_pkey, mprotect_fixup (mm/mprotect.c).
#include <linux/mman.h>

#include <algorithm>
#include <tuple>

#include "mm/protection.h"
#include "mm/with_areas.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

using namespace vm_flags;

constexpr int kProtSem = 0x8;
constexpr int kKnownProtection = PROT_READ | PROT_WRITE | PROT_EXEC | kProtSem;
constexpr int kGrows = PROT_GROWSDOWN | PROT_GROWSUP;

/// The MAY flags lie four bits above those that they allow.
bool may_have(std::uint64_t flags) { return (flags & kProtMask & ~(flags >> 4)) == 0; }

}  // namespace

/// In this order:
/// EINVAL: both PROT_GROWSDOWN and PROT_GROWSUP; `start` unaligned.
/// Length 0 succeeds.
/// ENOMEM: the end overflows.
/// EINVAL: an unknown protection.
/// ENOMEM: nothing is mapped at `start`. EINVAL: PROT_GROWSDOWN in an area that does not grow down,
/// PROT_GROWSUP anywhere (x86 has no such areas).
/// Then area by area; what is before the failing one stays changed, as on Linux. ENOMEM: a hole;
/// RLIMIT_DATA; max_map_count. EACCES: a permission that the object was not opened with.
/// EPERM: sealed.
Result<void> AddressSpace::protect(VirtAddr start, std::uint64_t length, int protection) {
  const int grows = protection & kGrows;
  protection &= ~kGrows;
  if (grows == kGrows || !start.is_page_aligned()) return fail(Errno::kInval);
  if (length == 0) return {};
  const VirtAddr end = start + page_ceil(length);
  if (end <= start) return fail(Errno::kNoMem);
  if ((protection & ~kKnownProtection) != 0) return fail(Errno::kInval);
  return with_areas(
      [&]() GONZO_REQUIRES(lock_) { return protect_range({start, end}, grows, protection); });
}

Result<void> AddressSpace::protect_range(AddressRange range, int grows, int protection) {
  auto [start, end] = range;
  Vma* vma = areas_->find(start);
  if (vma == nullptr || vma->start() >= end) return fail(Errno::kNoMem);
  if ((grows & PROT_GROWSDOWN) != 0) {
    if (!vma->has(kGrowsDown)) return fail(Errno::kInval);
    start = vma->start();
  } else if (vma->start() > start) {
    return fail(Errno::kNoMem);
  } else if (grows != 0) {
    return fail(Errno::kInval);
  }

  TlbGather gather(frames_, cache_);
  for (VirtAddr at = start; at < end; vma = areas_->next(*vma)) {
    if (vma == nullptr || vma->start() > at) return fail(Errno::kNoMem);
    const std::uint64_t flags = (vma->flags() & ~kProtMask) | protection_flags(protection);
    if (!may_have(flags)) return fail(Errno::kAcces);
    GONZO_ASSIGN(vma, protect_area(gather, *vma, {at, std::min(end, vma->end())}, flags));
    at = vma->end();
  }
  return {};
}

/// The area that holds `range` afterwards.
Result<Vma*> AddressSpace::protect_area(TlbGather& gather, Vma& vma, AddressRange range,
                                        std::uint64_t flags) {
  const std::uint64_t old = vma.flags();
  if ((old & kSealed) != 0) return fail(Errno::kPerm);
  if (flags == old) return &vma;
  const auto pages = static_cast<std::int64_t>(range.pages());
  std::uint64_t charged = 0;
  if ((flags & kWrite) != 0) {
    // Only where the area turns into data (Linux: commit 84638335900f).
    if (!may_expand(flags, pages) && may_expand(old, pages)) return fail(Errno::kNoMem);
    if ((old & (kAccount | kWrite | kShared | kNoReserve)) == 0) {
      GONZO_TRY(charge(range.pages()));
      charged = range.pages();
      flags |= kAccount;
    }
  } else if ((old & kAccount) != 0 && vma.is_anonymous() && !vma.has_own_pages()) {
    flags &= ~kAccount;
  }
  const Result<Vma*> changed = modify_area(vma, range, flags);
  if (!changed) {
    uncharge(charged);
    return changed;
  }
  if ((old & ~flags & kAccount) != 0) uncharge(range.pages());
  change_protection(gather, **changed, range);
  // Locked private memory has its pages to itself, now that it may be written.
  if ((old & (kWrite | kShared | kLocked)) == kLocked && (flags & kWrite) != 0) {
    VirtAddr reached;
    std::ignore = populate_area(**changed, range, reached);
  }
  account(old, -pages);
  account(flags, pages);
  return changed;
}

}  // namespace gonzo
