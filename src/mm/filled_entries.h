// The inner loop of the range operations.
#pragma once

#include <gonzo/base/address.h>
#include <gonzo/paging/entry_ref.h>

namespace gonzo {

/// Calls `visit(address, slot, entry)` for the entries of one table that are not blank; the
/// arguments are those of PageTable::for_each_table.
template <typename Visit>
void for_each_filled(VirtAddr address, EntryRef first, unsigned count, Visit&& visit) {
  for (unsigned i = 0; i < count; ++i) {
    Entry entry = first.at(i).load();
    if (entry.is_blank()) {
      i += first.at(i).leading_blanks(count - i);
      if (i == count) return;
      entry = first.at(i).load();
    }
    visit(address + i * kPageSize, first.at(i), entry);
  }
}

constexpr AddressRange page_at(VirtAddr address) { return {address, address + kPageSize}; }

}  // namespace gonzo
