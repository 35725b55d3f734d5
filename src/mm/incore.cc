// mincore(2). Linux: mm/mincore.c.
#include <algorithm>

#include <gonzo/base/check.h>
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// `out` has a byte for each page of the range.
/// EINVAL: `start` unaligned. ENOMEM: the range reaches past the user half, or has a hole; the
/// bytes before it are set.
Result<void> AddressSpace::incore(VirtAddr start, std::uint64_t length,
                                  std::span<std::uint8_t> out) {
  if (!start.is_page_aligned()) return fail(Errno::kInval);
  const VirtAddr user_end = table_->user_end();
  if (start > user_end || length > user_end - start) return fail(Errno::kNoMem);
  const AddressRange range{start, start + page_ceil(length)};
  GONZO_CHECK(out.size() >= range.pages());

  const SharedLockGuard guard(lock_);
  auto byte = out.begin();
  for (VirtAddr page = range.start; page < range.end;) {
    const Vma* vma = area_holding(page);
    if (vma == nullptr) return fail(Errno::kNoMem);
    const VirtAddr end = std::min(range.end, vma->end());
    if (vma->is_special()) {
      // Nothing that Linux would tell about (can_do_mincore).
      byte = std::fill_n(byte, AddressRange{page, end}.pages(), std::uint8_t{1});
      page = end;
      continue;
    }
    for (; page < end; page += kPageSize) {
      const EntryRef slot = table_->find(page);
      const Entry entry = slot ? slot.load() : Entry();
      const bool cached = !entry.is_mapping() && !vma->is_anonymous() &&
                          vma->object()->is_resident(vma->page_index(page));
      *byte++ = entry.is_mapping() || cached ? 1 : 0;
    }
  }
  return {};
}

}  // namespace gonzo
