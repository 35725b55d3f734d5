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

constexpr VirtAddr kNowhere(~std::uint64_t{0});

}  // namespace

bool AddressSpace::is_populated(VirtAddr page, Access access) const {
  const EntryRef slot = table_->find(page);
  if (!slot) return false;
  const Entry entry = slot.load();
  return entry.is_present() && (access != Access::kWrite || entry.is_writable());
}

void AddressSpace::populate(AddressRange range) {
  for (VirtAddr at = range.start; at < range.end;) {
    // What one area refuses does not keep the next from being filled.
    const auto populated = with_room(at, [&](VirtAddr& page) GONZO_NO_THREAD_SAFETY_ANALYSIS {
      return populate_areas({page, range.end}, page);
    });
    if (populated || populated.error() == Errno::kNoMem) return;
    const SharedLockGuard guard(lock_);
    const Vma* vma = areas_->find(at);
    if (vma == nullptr) return;
    at = vma->end();
  }
}

/// Linux: __mm_populate, with mlock's names for its errors.
Result<void> AddressSpace::populate_locked(AddressRange range) {
  VirtAddr at = range.start;
  const auto populated = with_room(at, [&](VirtAddr& page) GONZO_NO_THREAD_SAFETY_ANALYSIS {
    return populate_areas({page, range.end}, page);
  });
  if (populated) return {};
  return fail(populated.error() == Errno::kNoMem ? Errno::kAgain : Errno::kNoMem);
}

Result<void> AddressSpace::populate_strictly(AddressRange range, Access access) {
  VirtAddr at = range.start;
  return with_room(at, [&](VirtAddr& page) GONZO_NO_THREAD_SAFETY_ANALYSIS {
    return populate_areas_strictly({page, range.end}, access, page);
  });
}

/// Runs `fill`, which leaves in `at` the page that it could not fill, until there is a frame for
/// each, or no hope: ENOMEM. Room is made with the lock let go. `fill` runs under it, shared, which
/// the thread-safety analysis does not see through a FunctionRef.
Result<void> AddressSpace::with_room(VirtAddr& at, FunctionRef<Result<void>(VirtAddr&)> fill) {
  for (unsigned tries = 0;; ++tries) {
    const VirtAddr before = at;
    Result<void> filled;
    {
      const SharedLockGuard guard(lock_);
      filled = fill(at);
    }
    // A hole is ENOMEM too, but no lack of frames.
    if (filled || filled.error() != Errno::kNoMem || at == kNowhere) return filled;
    if (at != before) tries = 0;
    if (!manager_.make_room(config_.owner, tries)) return filled;
  }
}

/// The areas' parts of the range, holes left out. ENOMEM with the page in `at`, EFAULT likewise.
Result<void> AddressSpace::populate_areas(AddressRange range, VirtAddr& at) {
  if (range.empty()) return {};
  for (const Vma* vma = areas_->find(range.start); vma != nullptr && vma->start() < range.end;
       vma = areas_->next(*vma)) {
    GONZO_TRY(populate_area(*vma, vma->range().intersect(range), at));
  }
  return {};
}

Result<void> AddressSpace::populate_area(const Vma& vma, AddressRange range, VirtAddr& at) {
  at = range.start;
  if (vma.has(kLockOnFault | kPfnMap | kIo)) return {};
  if (!vma.has(kProtMask)) return fail(Errno::kFault);
  return populate_pages(range, populate_access(vma), at);
}

Result<void> AddressSpace::populate_pages(AddressRange range, Access access, VirtAddr& at) {
  for (at = range.start; at < range.end; at += kPageSize) {
    if (is_populated(at, access)) continue;
    const FaultOutcome outcome = fault_locked(at, access);
    if (outcome == FaultOutcome::kOutOfMemory) return fail(Errno::kNoMem);
    if (!mended(outcome)) return fail(Errno::kFault);
  }
  return {};
}

Result<void> AddressSpace::populate_areas_strictly(AddressRange range, Access access,
                                                   VirtAddr& at) {
  const std::uint64_t needed = access == Access::kWrite ? kWrite : kRead;
  for (VirtAddr page = range.start; page < range.end;) {
    const Vma* vma = area_holding(page);
    if (vma == nullptr) {
      at = kNowhere;
      return fail(Errno::kNoMem);
    }
    if (!vma->has(needed) || vma->has(kPfnMap | kIo)) return fail(Errno::kInval);
    const VirtAddr end = std::min(range.end, vma->end());
    GONZO_TRY(populate_pages({page, end}, access, at));
    page = end;
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
