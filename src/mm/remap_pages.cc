// remap_file_pages(2), which is an mmap over a part of the same mapping. Linux: mm/mmap.c.
#include <linux/mman.h>

#include <algorithm>

#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

using namespace vm_flags;

/// Linux counts in pages, up to where no byte offset reaches. This one is as much too large.
constexpr std::uint64_t kPastAnyFile = (1ULL << (63 - kPageShift)) - 1;

int protection_of(std::uint64_t flags) {
  int protection = 0;
  if ((flags & kRead) != 0) protection |= PROT_READ;
  if ((flags & kWrite) != 0) protection |= PROT_WRITE;
  if ((flags & kExec) != 0) protection |= PROT_EXEC;
  return protection;
}

}  // namespace

/// `start` and `length` are rounded down. EINVAL: a protection; nothing left of the length; the end
/// or the page number overflows; the range is not one shared mapping that may be written, perhaps
/// in several areas that touch and are alike. Then the errors of map(): EOVERFLOW, EPERM, ENOMEM.
Result<void> AddressSpace::remap_pages(VirtAddr start, std::uint64_t length, int protection,
                                       std::uint64_t first_page, int flags) {
  if (protection != 0) return fail(Errno::kInval);
  const AddressRange range{start.page_floor(), start.page_floor() + page_floor(length)};
  if (range.end <= range.start) return fail(Errno::kInval);
  if (first_page + range.pages() < first_page) return fail(Errno::kInval);

  bool wanted = (flags & MAP_NONBLOCK) == 0;
  {
    const LockGuard guard(lock_);
    const Vma* vma = area_holding(range.start);
    if (vma == nullptr || !vma->is_shared()) return fail(Errno::kInval);
    const MapRequest request{.hint = range.start,
                             .length = range.size(),
                             .protection = protection_of(vma->flags()),
                             .flags = MAP_SHARED | MAP_FIXED | (vma->has(kLocked) ? MAP_LOCKED : 0),
                             .object = vma->attributes().object,
                             .offset = std::min(first_page, kPastAnyFile) << kPageShift,
                             .open_file = vma->attributes().open_file,
                             .object_executable = vma->has(kMayExec)};
    for (const Vma* last = vma; last->end() < range.end;) {
      const Vma* next = areas_->next(*last);
      if (next == nullptr || next->start() != last->end() || next->object() != vma->object() ||
          next->attributes().open_file != vma->attributes().open_file ||
          next->flags() != vma->flags()) {
        return fail(Errno::kInval);
      }
      last = next;
    }
    wanted = wanted || ((vma->flags() | default_flags_) & kLocked) != 0;
    GONZO_TRY(map_locked(request));
  }
  if (wanted) populate(range);
  return {};
}

}  // namespace gonzo
