// Faulting in ahead of the touch. Linux: mm_populate, faultin_page_range (mm/gup.c).
#include <algorithm>
#include <tuple>
#include <vector>

#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

using namespace vm_flags;

/// Writable private memory is written to, so that its copy is made; shared memory only read, so
/// that nothing becomes dirty for nothing.
Access populate_access(const Vma& vma) {
  return vma.has(kWrite) && !vma.has(kShared) ? Access::kWrite : Access::kRead;
}

/// Linux reads one device request at a time for an advice (force_page_cache_ra), not all of a
/// large file.
constexpr std::uint64_t kMaxPrefetch = 512;

}  // namespace

bool AddressSpace::is_populated(VirtAddr page, Access access) const {
  const EntryRef slot = table_->find(page);
  if (!slot) return false;
  const Entry entry = slot.load();
  return entry.is_present() && (access != Access::kWrite || entry.is_writable());
}

void AddressSpace::populate(AddressRange range) {
  const SharedLockGuard guard(lock_);
  for (const Vma* vma = areas_->find(range.start); vma != nullptr && vma->start() < range.end;
       vma = areas_->next(*vma)) {
    std::ignore = populate_area(*vma, vma->range().intersect(range));
  }
}

Result<void> AddressSpace::populate_area(const Vma& vma, AddressRange range) {
  if (vma.has(kLockOnFault | kPfnMap | kIo)) return {};
  if (!vma.has(kProtMask)) return fail(Errno::kFault);
  const Access access = populate_access(vma);
  for (VirtAddr page = range.start; page < range.end; page += kPageSize) {
    if (is_populated(page, access)) continue;
    const FaultOutcome outcome = fault_locked(page, access);
    if (outcome == FaultOutcome::kOutOfMemory) return fail(Errno::kNoMem);
    if (!mended(outcome)) return fail(Errno::kFault);
  }
  return {};
}

Result<void> AddressSpace::populate_strictly(AddressRange range, Access access) {
  const SharedLockGuard guard(lock_);
  const std::uint64_t needed = access == Access::kWrite ? kWrite : kRead;
  for (VirtAddr page = range.start; page < range.end;) {
    const Vma* vma = area_holding(page);
    if (vma == nullptr) return fail(Errno::kNoMem);
    if (!vma->has(needed) || vma->has(kPfnMap | kIo)) return fail(Errno::kInval);
    const VirtAddr end = std::min(range.end, vma->end());
    for (; page < end; page += kPageSize) {
      if (is_populated(page, access)) continue;
      const FaultOutcome outcome = fault_locked(page, access);
      if (outcome == FaultOutcome::kOutOfMemory) return fail(Errno::kNoMem);
      if (!mended(outcome)) return fail(Errno::kFault);
    }
  }
  return {};
}

/// Brings pages of files into the cache, up to a limit for each area. ENOMEM: a hole; the rest is
/// brought in all the same.
Result<void> AddressSpace::prefetch(AddressRange range) {
  struct Part {
    ObjectRef object;
    std::uint64_t first, end;
  };
  std::vector<Part> parts;
  VirtAddr covered = range.start;
  bool hole = false;
  {
    const SharedLockGuard guard(lock_);
    const Vma* vma = areas_->find(range.start);
    for (; vma != nullptr && vma->start() < range.end; vma = areas_->next(*vma)) {
      hole = hole || vma->start() > covered;
      covered = vma->end();
      if (vma->is_anonymous() || vma->object()->is_shmem()) continue;
      const AddressRange part = vma->range().intersect(range);
      const std::uint64_t first = vma->page_index(part.start);
      parts.push_back(
          {vma->attributes().object, first, first + std::min(part.pages(), kMaxPrefetch)});
    }
  }
  for (const Part& part : parts) {
    for (std::uint64_t index = part.first; index < part.end; ++index) {
      if (part.object->is_resident(index)) continue;
      const auto page = part.object->get_page(index, PageIntent::kRead);
      if (!page) break;
      frames_.put(page->pfn);
    }
  }
  if (hole || covered < range.end) return fail(Errno::kNoMem);
  return {};
}

}  // namespace gonzo
