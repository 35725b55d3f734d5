// Entries look unused until they are used again. Linux: madvise_cold_or_pageout_pte_range,
// madvise_free_pte_range (mm/madvise.c).
#include "mm/filled_entries.h"
#include "mm/frame_use.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {

void AddressSpace::age_entries(TlbGather& gather, AddressRange range, std::uint64_t bits) {
  table_->for_each_table(range, [&](VirtAddr start, EntryRef first, unsigned count) {
    for_each_filled(start, first, count, [&](VirtAddr address, EntryRef slot, Entry entry) {
      if (!entry.is_mapping() || entry.has(pte::kSpecial)) return;
      const std::uint64_t cleared =
          is_exclusive(frames_.frame(entry.pfn())) ? bits : bits & ~pte::kDirty;
      if (!entry.has(cleared)) return;
      // A processor may set A or D in between.
      while (!slot.compare_exchange(entry, entry.without(cleared))) {
      }
      gather.touch(page_at(address), Stricter::kGone);
    });
    return true;
  });
}

}  // namespace gonzo
