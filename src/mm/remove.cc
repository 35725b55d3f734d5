// madvise(MADV_REMOVE). Linux: madvise_remove (mm/madvise.c).
#include <algorithm>

#include "mm/advice.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

using namespace vm_flags;

Result<void> check_remove(const Vma& vma) {
  if (!may_discard(vma)) return fail(Errno::kPerm);
  if (vma.has(kLocked) || vma.is_anonymous() || vma.is_special()) return fail(Errno::kInval);
  if (!vma.has(kShared) || !vma.has(kMayWrite)) return fail(Errno::kAcces);
  return {};
}

}  // namespace

/// Area by area, as the rest of madvise(2), but the objects make their holes outside the lock.
Result<void> AddressSpace::remove(AddressRange range) {
  bool hole = false;
  while (!range.empty()) {
    ObjectRef object;
    std::uint64_t first = 0, end = 0;
    {
      const SharedLockGuard guard(lock_);
      const Vma* vma = areas_->find(range.start);
      if (vma == nullptr) return fail(Errno::kNoMem);
      if (vma->start() > range.start) {
        hole = true;
        range.start = std::min(vma->start(), range.end);
        if (range.empty()) break;
      }
      GONZO_TRY(check_remove(*vma));
      const AddressRange part{range.start, std::min(vma->end(), range.end)};
      object = vma->attributes().object;
      first = vma->page_index(part.start);
      end = first + part.pages();
      range.start = part.end;
    }
    GONZO_TRY(object->punch_hole(first, end));
    manager_.unmap_hole(*object, first, end);
  }
  if (hole) return fail(Errno::kNoMem);
  return {};
}

}  // namespace gonzo
