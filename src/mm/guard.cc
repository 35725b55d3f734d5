// Guards: entries that make any access a SIGSEGV, without an area of their own.
// Linux: madvise_guard_install, madvise_guard_remove (mm/madvise.c).
#include "mm/filled_entries.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {

using namespace vm_flags;

/// What was there goes. EINVAL: special or locked. ENOMEM: no frame for a table; guards before it
/// are there, as on Linux.
Result<void> AddressSpace::install_guards(TlbGather& gather, Vma& vma, AddressRange range) {
  if (vma.has(kSpecialMask | kLocked)) return fail(Errno::kInval);
  vma.add_flags(kMaybeGuard);
  if (vma.is_anonymous()) note_own_pages(vma);
  zap_range(gather, vma, range, Zap::kContents);
  for (VirtAddr page = range.start; page < range.end; page += kPageSize) {
    GONZO_ASSIGN(const EntryRef slot, reserve_entry(page));
    if (!slot.load().is_blank()) continue;  // a guard already
    slot.store(Entry::guard());
    table_->entry_filled(slot);
  }
  return {};
}

/// EINVAL: special. The area keeps its mark: who clears it would have to look at all entries.
Result<void> AddressSpace::remove_guards(const Vma& vma, AddressRange range) {
  if (vma.has(kSpecialMask)) return fail(Errno::kInval);
  table_->for_each_table(range, [&](VirtAddr start, EntryRef first, unsigned count) {
    unsigned blanked = 0;
    for_each_filled(start, first, count, [&](VirtAddr, EntryRef slot, Entry entry) {
      if (!entry.is_guard()) return;
      slot.store(Entry());
      ++blanked;
    });
    if (blanked > 0) table_->entry_blanked(first, blanked);
    return true;
  });
  return {};
}

}  // namespace gonzo
