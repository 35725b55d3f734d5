// An area whose frames are entered all at once. Linux: remap_pfn_range (mm/memory.c).
#include "mm/code_pages.h"
#include <gonzo/mm/address_space.h>
#include <gonzo/paging/entry.h>

namespace gonzo {

/// No entry counts its frame, and no fault is ever needed.
Result<void> AddressSpace::map_frames(const Vma& vma, Pfn first) {
  const std::uint64_t flags = entry_flags(vma) | pte::kAccessed | pte::kSpecial;
  for (std::uint64_t page = 0; page < vma.pages(); ++page) {
    GONZO_ASSIGN(const EntryRef slot, reserve_entry(vma.start() + page * kPageSize));
    announce_code(cache_, vma, first + page);
    slot.store(Entry::map(first + page, flags));
    table_->entry_filled(slot);
  }
  return {};
}

}  // namespace gonzo
