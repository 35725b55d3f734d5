// Entries look unused until they are used again, or their pages hold nothing worth keeping.
// Linux: madvise_cold_or_pageout_pte_range, madvise_free_pte_range (mm/madvise.c).
#include "mm/filled_entries.h"
#include "mm/frame_use.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

/// A processor may set A or D in between.
void clear_bits(EntryRef slot, Entry entry, std::uint64_t bits) {
  while (!slot.compare_exchange(entry, entry.without(bits))) {
  }
}

}  // namespace

void AddressSpace::age_entries(TlbGather& gather, AddressRange range) {
  table_->for_each_table(range, [&](VirtAddr start, EntryRef first, unsigned count) {
    for_each_filled(start, first, count, [&](VirtAddr address, EntryRef slot, Entry entry) {
      if (!entry.is_mapping() || entry.has(pte::kSpecial) || !entry.has(pte::kAccessed)) return;
      clear_bits(slot, entry, pte::kAccessed);
      gather.touch(page_at(address), Stricter::kGone);
    });
    return true;
  });
}

/// A write is seen as a fault, so the entries lose W.
void AddressSpace::free_lazily(TlbGather& gather, AddressRange range) {
  constexpr std::uint64_t kCleared = pte::kWrite | pte::kAccessed | pte::kDirty;
  table_->for_each_table(range, [&](VirtAddr start, EntryRef first, unsigned count) {
    unsigned blanked = 0;
    for_each_filled(start, first, count, [&](VirtAddr address, EntryRef slot, Entry entry) {
      if (entry.is_swap()) {
        slot.store(Entry());
        ++blanked;
        forget_swap(entry);
        atomic_.swap.fetch_sub(1, std::memory_order_relaxed);
        return;
      }
      if (!entry.is_mapping() || entry.has(pte::kSpecial) || !take_from_swap(entry.pfn())) return;
      frames_.frame(entry.pfn()).set(frame_flags::kLazyFree);
      if (!entry.has(kCleared)) return;
      clear_bits(slot, entry, kCleared);
      gather.touch(page_at(address), Stricter::kGone);
    });
    if (blanked > 0) table_->entry_blanked(first, blanked);
    return true;
  });
}

void AddressSpace::keep(VirtAddr start, std::uint64_t length) {
  const LockGuard guard(lock_);
  const AddressRange range{start, start + length};
  table_->for_each_table(range, [&](VirtAddr first, EntryRef slots, unsigned count) {
    for_each_filled(first, slots, count, [&](VirtAddr, EntryRef, Entry entry) {
      if (entry.is_mapping() && !entry.has(pte::kSpecial)) begin_write(entry.pfn());
    });
    return true;
  });
}

}  // namespace gonzo
