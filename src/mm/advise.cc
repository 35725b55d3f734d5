// madvise(2). Linux: do_madvise (mm/madvise.c).
#include <linux/mman.h>

#include <algorithm>

#include "mm/advice.h"
#include "mm/mmap_flags.h"
#include "mm/with_areas.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

using namespace vm_flags;

/// Linux: madvise_behavior_valid(), of a kernel without CONFIG_MEMORY_FAILURE.
bool is_known(int advice) {
  return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) ||
         (advice >= MADV_FREE && advice <= MADV_COLLAPSE) || advice == kMadvGuardInstall ||
         advice == kMadvGuardRemove;
}

/// Takes contents away, now or at a fork (Linux: is_discard).
bool is_discard(int advice) {
  switch (advice) {
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE:
    case MADV_REMOVE:
    case MADV_DONTFORK:
    case MADV_WIPEONFORK:
    case kMadvGuardInstall:
      return true;
    default:
      return false;
  }
}

/// What neither may merge pages nor says so stays as it is (Linux: ksm_compatible).
constexpr std::uint64_t kNeverMerged = kShared | kMayShare | kSpecialMask | kDroppable;

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
      if ((flags & kIo) != 0) return fail(Errno::kInval);
      return flags & ~kDontCopy;
    case MADV_WIPEONFORK:
      // Not even /dev/zero's.
      if ((vma.named_object() != nullptr && !vma.is_special()) || vma.is_shared()) {
        return fail(Errno::kInval);
      }
      return flags | kWipeOnFork;
    case MADV_KEEPONFORK:
      if ((flags & kDroppable) != 0) return fail(Errno::kInval);
      return flags & ~kWipeOnFork;
    case MADV_DONTDUMP:
      return flags | kDontDump;
    case MADV_DODUMP:
      if ((flags & (kSpecialMask | kDroppable)) != 0) return fail(Errno::kInval);
      return flags & ~kDontDump;
    case MADV_HUGEPAGE:
      return (flags & ~kNoHugePage) | kHugePage;
    case MADV_NOHUGEPAGE:
      return (flags & ~kHugePage) | kNoHugePage;
    case MADV_MERGEABLE:
      return (flags & kNeverMerged) != 0 ? flags : flags | kMergeable;
    case MADV_UNMERGEABLE:
      return flags & ~kMergeable;
    default:
      // MADV_COLLAPSE: as where huge pages are switched off.
      return fail(Errno::kInval);
  }
}

}  // namespace

/// EINVAL: advice unknown or not supported; `start` unaligned; the length or the end overflows.
/// Length 0 succeeds.
/// MADV_POPULATE_*: see populate_strictly().
/// Then area by area, up to the first error. EPERM: advice that discards contents of sealed memory
/// which cannot be written. EINVAL: MADV_DONTNEED, MADV_FREE, MADV_COLD, MADV_PAGEOUT, MADV_REMOVE
/// and guards for locked memory, all that take or age pages for frames of the machine's own, what
/// would cut a special area, MADV_DOFORK of a device, MADV_FREE of what is not anonymous,
/// MADV_WIPEONFORK of what is not private anonymous, MADV_KEEPONFORK of droppable memory,
/// MADV_DODUMP of that and of special areas, guards in special areas, MADV_REMOVE of anonymous
/// memory, MADV_COLLAPSE. EACCES: MADV_REMOVE without shared write access. EOPNOTSUPP: the object
/// cannot do it. EAGAIN: max_map_count. ENOMEM: there were holes; the rest has been advised.
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

  const Result<void> advised = with_areas([&]() GONZO_REQUIRES(lock_) {
    TlbGather gather(frames_, cache_);
    return for_each_part(range, [&](Vma& vma, AddressRange part) GONZO_NO_THREAD_SAFETY_ANALYSIS {
      return advise_area(gather, vma, part, advice);
    });
  });
  if (advised && (advice == MADV_COLD || advice == MADV_PAGEOUT || advice == MADV_FREE)) {
    retire(range, advice);
  }
  return advised;
}

/// `change` runs under the lock, which the thread-safety analysis does not see through a
/// FunctionRef.
Result<void> AddressSpace::for_each_part(
    AddressRange range, FunctionRef<Result<void>(Vma& vma, AddressRange part)> change) {
  bool hole = false;
  for (VirtAddr at = range.start; at < range.end;) {
    Vma* vma = areas_->find(at);
    if (vma == nullptr) return fail(Errno::kNoMem);
    if (vma->start() > at) {
      hole = true;
      at = vma->start();
      if (at >= range.end) break;
    }
    const VirtAddr end = std::min(range.end, vma->end());
    GONZO_TRY(change(*vma, {at, end}));
    at = end;
  }
  if (hole) return fail(Errno::kNoMem);
  return {};
}

Result<void> AddressSpace::advise_area(TlbGather& gather, Vma& vma, AddressRange range,
                                       int advice) {
  if (is_discard(advice) && !may_discard(vma)) return fail(Errno::kPerm);
  switch (advice) {
    case MADV_COLD:
    case MADV_PAGEOUT:
      if (vma.has(kLocked | kPfnMap)) return fail(Errno::kInval);
      age_entries(gather, range);
      return {};
    case MADV_FREE:
      if (!vma.is_anonymous() || vma.has(kLocked)) return fail(Errno::kInval);
      free_lazily(gather, range);
      return {};
    case MADV_DONTNEED:
      if (vma.has(kLocked)) return fail(Errno::kInval);
      [[fallthrough]];
    case MADV_DONTNEED_LOCKED:
      if (vma.has(kPfnMap)) return fail(Errno::kInval);
      zap_range(gather, vma, range, Zap::kContents);
      return {};
    case kMadvGuardInstall:
      return install_guards(gather, vma, range);
    case kMadvGuardRemove:
      return remove_guards(vma, range);
    default:
      break;
  }
  GONZO_ASSIGN(const std::uint64_t flags, advised_flags(vma, advice));
  if (flags == vma.flags()) return {};
  const auto modified = modify_area(vma, range, flags);
  if (modified) return {};
  // Too many areas, for now, as madvise(2) has it; or one that is not to be cut.
  return fail(modified.error() == Errno::kNoMem ? Errno::kAgain : modified.error());
}

}  // namespace gonzo
