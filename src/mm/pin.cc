// Guest memory held in place for the host's own I/O. Linux: get_user_pages (mm/gup.c).
#include <algorithm>

#include "mm/code_pages.h"
#include "mm/fault_context.h"

namespace gonzo {

/// The page's frame with one more reference; none when it must be faulted in first.
Pfn AddressSpace::pin_page(VirtAddr page, Access access) {
  const bool write = access == Access::kWrite;
  const std::uint64_t used = write ? pte::kAccessed | pte::kDirty : pte::kAccessed;
  SharedLockGuard guard(lock_);
  const EntryRef slot = table_->find(page);
  if (!slot) return Pfn::none();
  Entry entry = slot.load();
  if (!entry.is_present() || (write && !entry.is_writable())) return Pfn::none();
  if (entry.is_writable()) {
    if ((entry.raw() & used) != used) slot.set_bits(used);
    if (write) note_kernel_write(cache_, frames_.frame(entry.pfn()), entry);
    frames_.get(entry.pfn());
    return entry.pfn();
  }
  // Another thread's copy on write might take the entry's reference away at any moment: claim the
  // entry while taking our own.
  if (!slot.compare_exchange(entry, claimed(entry))) return Pfn::none();
  frames_.get(entry.pfn());
  slot.store(entry.with(used));
  return entry.pfn();
}

Result<std::size_t> AddressSpace::pin(VirtAddr start, std::uint64_t length, Access access,
                                      std::span<Piece> out) {
  const VirtAddr limit = table_->user_end();
  if (start > limit) return fail(Errno::kFault);
  const VirtAddr end = start + std::min(length, limit - start);
  std::size_t count = 0;
  for (VirtAddr at = start; at < end && count < out.size();) {
    const Pfn pfn = pin_page(at, access);
    if (pfn.is_none()) {
      if (mended(fault(at, access))) continue;
      break;
    }
    const std::uint64_t size = std::min(kPageSize - at.page_offset(), end - at);
    out[count++] = {frames_.address(pfn) + at.page_offset(), size, pfn};
    at += size;
  }
  if (count == 0 && length > 0 && !out.empty()) return fail(Errno::kFault);
  return count;
}

void AddressSpace::unpin(std::span<const Piece> pieces) {
  for (const Piece& piece : pieces) frames_.put(piece.pfn);
}

}  // namespace gonzo
