// Which pages are used? /proc/PID/clear_refs. Linux: clear_refs_write (fs/proc/task_mmu.c).
#include "mm/filled_entries.h"
#include <gonzo/mm/address_space.h>
#include <gonzo/paging/tlb_gather.h>

namespace gonzo {

/// Unlike Linux, which lets a processor's cached translation go on for a while without setting the
/// bit again, the translations are forgotten, of pages without A as well: a machine may cache them
/// for as long as it runs, and tell of a neighbour's use.
void AddressSpace::clear_references(ReferenceScope scope) {
  const LockGuard guard(lock_);
  TlbGather gather(frames_, cache_);
  for (const Vma* vma = areas_->first(); vma != nullptr; vma = areas_->next(*vma)) {
    if (scope == ReferenceScope::kAnonymous && !vma->is_anonymous()) continue;
    if (scope == ReferenceScope::kMapped && vma->is_anonymous()) continue;
    table_->for_each_table(vma->range(), [&](VirtAddr start, EntryRef first, unsigned count) {
      for_each_filled(start, first, count, [&](VirtAddr address, EntryRef slot, Entry entry) {
        if (!entry.is_mapping() || entry.has(pte::kSpecial)) return;
        // A processor may set A or D in between.
        while (!slot.compare_exchange(entry, entry.without(pte::kAccessed))) {
        }
        gather.touch(page_at(address), Stricter::kGone);
      });
      return true;
    });
  }
}

void AddressSpace::reset_peak_rss() {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const std::int64_t now = atomic_.rss_anon.load(kRelaxed) + atomic_.rss_file.load(kRelaxed) +
                           atomic_.rss_shmem.load(kRelaxed);
  atomic_.peak_rss.store(now, kRelaxed);
}

}  // namespace gonzo
