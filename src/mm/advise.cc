// madvise(2). Linux: do_madvise (mm/madvise.c).
#include <linux/mman.h>

#include <algorithm>

#include "mm/mmap_flags.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

using namespace vm_flags;

/// Linux: madvise_behavior_valid(), of a kernel without KSM, huge pages, guard regions and page
/// ageing.
bool is_known(int advice) {
  switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE:
    case MADV_REMOVE:
    case MADV_DONTFORK:
    case MADV_DOFORK:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
    case MADV_WIPEONFORK:
    case MADV_KEEPONFORK:
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
      return true;
    default:
      return false;
  }
}

/// EINVAL: not for this area.
Result<std::uint64_t> advised_flags(const Vma& vma, int advice) {
  const std::uint64_t flags = vma.flags();
  switch (advice) {
    case MADV_NORMAL:
      return flags & ~(kRandom | kSequential);
    case MADV_SEQUENTIAL:
      return (flags & ~kRandom) | kSequential;
    case MADV_RANDOM:
      return (flags & ~kSequential) | kRandom;
    case MADV_DONTFORK:
      return flags | kDontCopy;
    case MADV_DOFORK:
      return flags & ~kDontCopy;
    case MADV_WIPEONFORK:
      // Not even /dev/zero's.
      if (vma.named_object() != nullptr || vma.is_shared()) return fail(Errno::kInval);
      return flags | kWipeOnFork;
    case MADV_KEEPONFORK:
      return flags & ~kWipeOnFork;
    case MADV_DONTDUMP:
      return flags | kDontDump;
    case MADV_DODUMP:
      if ((flags & kSpecialMask) != 0) return fail(Errno::kInval);
      return flags & ~kDontDump;
    default:
      return fail(Errno::kInval);
  }
}

}  // namespace

/// EINVAL: advice unknown or not supported; `start` unaligned; the length or the end overflows.
/// Length 0 succeeds.
/// MADV_POPULATE_*: see populate_strictly().
/// Then area by area, up to the first error. EINVAL: MADV_DONTNEED or MADV_FREE of locked memory,
/// MADV_FREE of what is not anonymous, MADV_WIPEONFORK of what is not private anonymous,
/// MADV_DODUMP of special areas, MADV_REMOVE of locked or anonymous memory. EACCES: MADV_REMOVE
/// without shared write access. EOPNOTSUPP: the object cannot do it. EAGAIN: max_map_count. ENOMEM:
/// there were holes; the rest has been advised.
Result<void> AddressSpace::advise(VirtAddr start, std::uint64_t length, int advice) {
  if (!is_known(advice) || !start.is_page_aligned()) return fail(Errno::kInval);
  const std::uint64_t rounded = page_ceil(length);
  if (length != 0 && rounded == 0) return fail(Errno::kInval);
  const AddressRange range{start, start + rounded};
  if (range.end < start) return fail(Errno::kInval);
  if (rounded == 0) return {};
  if (advice == MADV_POPULATE_READ) return populate_strictly(range, Access::kRead);
  if (advice == MADV_POPULATE_WRITE) return populate_strictly(range, Access::kWrite);
  if (advice == MADV_WILLNEED) return prefetch(range);
  if (advice == MADV_REMOVE) return remove(range);

  const LockGuard guard(lock_);
  TlbGather gather(frames_, cache_);
  bool hole = false;
  VirtAddr at = start;
  while (at < range.end) {
    Vma* vma = areas_->find(at);
    if (vma == nullptr) return fail(Errno::kNoMem);
    if (vma->start() > at) {
      hole = true;
      at = vma->start();
      if (at >= range.end) break;
    }
    const VirtAddr end = std::min(range.end, vma->end());
    GONZO_TRY(advise_area(gather, *vma, {at, end}, advice));
    at = end;
  }
  if (hole) return fail(Errno::kNoMem);
  return {};
}

Result<void> AddressSpace::advise_area(TlbGather& gather, Vma& vma, AddressRange range,
                                       int advice) {
  switch (advice) {
    case MADV_FREE:
      // Linux may free at any time from now on; we do at once.
      if (!vma.is_anonymous()) return fail(Errno::kInval);
      [[fallthrough]];
    case MADV_DONTNEED:
      if (vma.has(kLocked)) return fail(Errno::kInval);
      [[fallthrough]];
    case MADV_DONTNEED_LOCKED:
      zap_range(gather, vma, range);
      return {};
    default:
      break;
  }
  GONZO_ASSIGN(const std::uint64_t flags, advised_flags(vma, advice));
  if (flags == vma.flags()) return {};
  // The one error of modify_area, as madvise(2) names it: too many areas, for now.
  if (!modify_area(vma, range, flags)) return fail(Errno::kAgain);
  return {};
}

}  // namespace gonzo
