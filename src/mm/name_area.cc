// prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME). Linux: madvise_set_anon_name (mm/madvise.c).
#include "mm/with_areas.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

/// Private anonymous memory, or shared memory that mmap made for it and no descriptor names.
bool may_be_named(const Vma& vma) {
  if (vma.is_anonymous()) return vma.named_object() == nullptr;
  return vma.object()->is_shmem() && vma.attributes().open_file == 0;
}

}  // namespace

/// EINVAL: `start` unaligned; the length or the end overflows. Length 0 succeeds. Then area by
/// area, up to the first error: EBADF: it maps a file. EAGAIN: max_map_count. ENOMEM: there were
/// holes; the rest has its name.
Result<void> AddressSpace::name_area(VirtAddr start, std::uint64_t length,
                                     const AreaNameRef& name) {
  if (!start.is_page_aligned()) return fail(Errno::kInval);
  const std::uint64_t rounded = page_ceil(length);
  if (length != 0 && rounded == 0) return fail(Errno::kInval);
  const AddressRange range{start, start + rounded};
  if (range.end < range.start) return fail(Errno::kInval);

  return with_areas([&]() GONZO_REQUIRES(lock_) {
    return for_each_part(
        range, [&](Vma& vma, AddressRange part) GONZO_NO_THREAD_SAFETY_ANALYSIS -> Result<void> {
          if (!may_be_named(vma)) return fail(Errno::kBadF);
          if (same_name(vma.attributes().name, name)) return {};
          VmaAttributes attributes = vma.attributes();
          attributes.name = name;
          if (!modify_area(vma, part, std::move(attributes))) return fail(Errno::kAgain);
          return {};
        });
  });
}

}  // namespace gonzo
