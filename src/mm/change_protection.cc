// Entries after their area's protection changed. Linux: mm/mprotect.c (change_pte_range), and
// protection_map of arch/x86/mm/pgprot.c.
#include "mm/code_pages.h"
#include "mm/filled_entries.h"
#include "mm/frame_use.h"
#include "mm/rss_change.h"

namespace gonzo {
namespace {

constexpr std::uint64_t kKept =
    pte::kFrameMask | pte::kAccessed | pte::kDirty | pte::kSpecial | pte::kSoftDirty;

/// What the step from one mapping entry to the other takes away.
enum class Loss { kNothing, kWrite, kMore };

Loss loss(Entry from, Entry to) {
  if (!from.is_present()) return Loss::kNothing;
  if (!to.is_present() || (to.has(pte::kNoExecute) && !from.has(pte::kNoExecute))) {
    return Loss::kMore;
  }
  return from.is_writable() && !to.is_writable() ? Loss::kWrite : Loss::kNothing;
}

}  // namespace

/// W is left out where the first write must be seen: private memory (copy on write) and files that
/// are told what becomes dirty.
std::uint64_t AddressSpace::entry_flags(const Vma& vma) const {
  if (!vma.has(vm_flags::kProtMask)) return pte::kProtNone;
  std::uint64_t flags = pte::kPresent | pte::kUser;
  if (!vma.has(vm_flags::kExec) && table_->has_no_execute()) flags |= pte::kNoExecute;
  if (vma.has(vm_flags::kWrite) && vma.is_shared() && !vma.object()->wants_write_notice()) {
    flags |= pte::kWrite;
  }
  return flags;
}

/// Makes the entries agree with the flags that `vma` has now. What can be written without a fault
/// is made so at once, private frames that nobody shares and dirty pages of files (Linux:
/// can_change_pte_writable); so a PROT_NONE entry in an accessible area is never the rest of an
/// earlier protection.
void AddressSpace::change_protection(TlbGather& gather, Vma& vma, AddressRange range) {
  const std::uint64_t flags = entry_flags(vma);
  const bool writable = vma.has(vm_flags::kWrite), may_execute = vma.has(vm_flags::kExec);
  const auto protect = [&](Entry old) {
    const Entry next((old.raw() & kKept) | flags);
    if (!writable || next.has(pte::kSpecial)) return next;
    const Frame& frame = frames_.frame(old.pfn());
    const bool open =
        vma.is_shared() ? old.has(pte::kDirty) : is_exclusive(frame) && !is_watched(frame);
    return open ? next.with(pte::kWrite) : next;
  };
  table_->for_each_table(range, [&](VirtAddr start, EntryRef first, unsigned count) {
    for_each_filled(start, first, count, [&](VirtAddr address, EntryRef slot, Entry old) {
      if (!old.is_mapping()) return;
      // A processor may set A or D in between.
      Entry next = protect(old);
      announce_code(cache_, vma, old.pfn());
      while (next != old && !slot.compare_exchange(old, next)) next = protect(old);
      if (const Loss lost = loss(old, next); lost != Loss::kNothing) {
        gather.touch(page_at(address),
                     lost == Loss::kWrite ? Stricter::kReadOnly : Stricter::kOther);
      }
      // The kernel may write to it unseen from here on.
      if (!may_execute && !old.has(pte::kNoExecute | pte::kSpecial)) {
        frames_.frame(old.pfn()).clear(frame_flags::kCodeSeen);
      }
    });
    return true;
  });
}

}  // namespace gonzo
