// Page: "VirtualQuery function (memoryapi.h)" (learn.microsoft.com).
#include "windows/page_protection.h"
#include "windows/page_words.h"
#include "windows/vad.h"

namespace gonzo::windows {

/// With what a copy on write has made of its pages, which the page tables know.
VirtualMemory::Part VirtualMemory::shown_part(const Vad& vad, VirtAddr address) {
  Part part = Part::at(vad, address, vad.pages.end);
  if (!part.is_committed || (part.protection & kCopiedPages) == 0) return part;
  std::optional<bool> is_copied;
  visit_own_pages(space_, {address.page_floor(), part.end}, [&](std::uint64_t page, bool is_own) {
    if (!is_copied) is_copied = is_own;
    if (is_own == *is_copied) return true;
    part.end = VirtAddr(page << kPageShift);
    return false;
  });
  if (*is_copied) part.protection = after_copy(part.protection);
  return part;
}

MemoryBasicInformation VirtualMemory::query_free(VirtAddr page) {
  const Vma* next = vads_->find(page);
  // What is left of a reservation's last granule.
  if (next != nullptr && next->start() <= page) next = vads_->next(*next);
  const VirtAddr end = next != nullptr ? next->start() : range_.end;
  return {.base_address = page,
          .region_size = end - page,
          .state = mem::kFree,
          .protect = page::kNoAccess};
}

Win32Result<MemoryBasicInformation> VirtualMemory::query(VirtAddr address) {
  if (address >= range_.end) return fail(Win32Error::kInvalidParameter);
  const VirtAddr page = address.page_floor();
  const LockGuard guard(lock_);
  const Vad* const vad = vad_holding({page, page + kPageSize});
  if (vad == nullptr) return query_free(page);
  const Part part = shown_part(*vad, page);
  return MemoryBasicInformation{
      .base_address = page,
      .allocation_base = vad->pages.start,
      .allocation_protect = vad->allocation_protect,
      .region_size = part.end - page,
      .state = part.is_committed ? mem::kCommit : mem::kReserve,
      .protect = part.is_committed ? part.protection : 0,
      .type = vad->is_view() ? mem::kMapped : mem::kPrivate,
  };
}

}  // namespace gonzo::windows
