// mremap: the entries follow their area. Linux: move_page_tables (mm/mremap.c).
#include "mm/filled_entries.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

/// `slot` plus `offset` entries, if its table, which is a page, has so many.
EntryRef slot_in_same_table(EntryRef slot, std::uint64_t offset) {
  const EntryRef later = slot.at(static_cast<unsigned>(offset));
  const auto page = [](EntryRef s) {
    return page_floor(reinterpret_cast<std::uintptr_t>(s.slot()));
  };
  return page(later) == page(slot) ? later : EntryRef();
}

}  // namespace

/// `from` and [to, to + from.size()) do not overlap, and the latter holds no entry. ENOMEM, with no
/// entry moved.
Result<void> AddressSpace::move_entries(TlbGather& gather, Vma& /*vma*/, AddressRange from,
                                        VirtAddr to) {
  // All tables first: then nothing can fail.
  const bool ready = table_->for_each_table(
      from, [&](VirtAddr address, EntryRef slot, unsigned count) GONZO_NO_THREAD_SAFETY_ANALYSIS {
        const unsigned blanks = slot.leading_blanks(count);
        if (blanks == count) return true;
        // One table's entries come to lie in two tables at most.
        const VirtAddr target = to + (address - from.start);
        return reserve_entry(target + blanks * kPageSize).has_value() &&
               reserve_entry(target + (count - 1) * kPageSize).has_value();
      });
  if (!ready) return fail(Errno::kNoMem);

  table_->for_each_table(from, [&](VirtAddr start, EntryRef first, unsigned count) {
    EntryRef target;  // the slot for `target_address`; later ones count from it while in its table
    VirtAddr target_address;
    unsigned moved = 0;
    for_each_filled(start, first, count, [&](VirtAddr address, EntryRef slot, Entry) {
      const VirtAddr wanted = to + (address - from.start);
      if (target) target = slot_in_same_table(target, (wanted - target_address) / kPageSize);
      if (!target) target = table_->find(wanted);
      target_address = wanted;
      target.store(slot.exchange(Entry()));
      table_->entry_filled(target);
      gather.touch(page_at(address), Stricter::kGone);
      ++moved;
    });
    if (moved > 0) table_->entry_blanked(first, moved);
    return true;
  });
  return {};
}

}  // namespace gonzo
