// What is known about one page fault, handed from the spine to the file of its kind.
// Linux: struct vm_fault.
#pragma once

#include "mm/code_pages.h"
#include <gonzo/mm/address_space.h>
#include <gonzo/paging/entry.h>

namespace gonzo {

/// An entry in the PROT_NONE form inside an area that allows access is claimed: another fault is
/// moving it to a new frame and holds it still meanwhile. Whoever meets one tries again. The old
/// frame keeps the entry's reference until the claim ends, so it may be copied without one.
constexpr Entry claimed(Entry entry) { return entry.without(pte::kPresent).with(pte::kProtNone); }

struct AddressSpace::FaultContext {
  AddressSpace& space;
  const Vma& vma;
  VirtAddr page;  ///< the fault's address, rounded down
  Access access;
  EntryRef slot;  ///< empty while there is no table
  Entry entry;    ///< what the slot held at the start

  std::uint64_t index() const { return vma.page_index(page); }
  /// The aligned block of `pages` (a power of two) around the page, cut at the area's edges.
  AddressRange block(std::uint64_t pages) const {
    const std::uint64_t bytes = pages * kPageSize;
    const VirtAddr start(page.value & ~(bytes - 1));
    return AddressRange{start, start + bytes}.intersect(vma.range());
  }
  /// Makes the table that the slot lies in. False: no frame for it.
  bool make_slot() {
    if (slot) return true;
    const Result<EntryRef> made = space.table_->ensure(page);
    if (made) slot = *made;
    return made.has_value();
  }
  /// Brings the page back when it is in swap; `entry` is what the slot holds then. ENOMEM; EIO: it
  /// could not be read. Under the space's lock, which the analysis does not know by this name.
  Result<void> leave_swap() GONZO_NO_THREAD_SAFETY_ANALYSIS {
    while (entry.is_swap()) {
      const FaultOutcome outcome = space.fault_swap(*this);
      if (outcome == FaultOutcome::kOutOfMemory) return fail(Errno::kNoMem);
      if (!mended(outcome)) return fail(Errno::kIo);
      entry = slot.load();
    }
    return {};
  }
  /// Puts `desired` where nothing was. False: another thread was first.
  bool install(Entry desired) const {
    Entry blank;
    announce_code(space.cache_, vma, desired.pfn());
    if (!slot.compare_exchange(blank, desired)) return false;
    space.table_->entry_filled(slot);
    return true;
  }
};

}  // namespace gonzo
