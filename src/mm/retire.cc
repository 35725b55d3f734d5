// Pages that will not be used soon, or not again: MADV_COLD, MADV_PAGEOUT, MADV_FREE.
// Linux: madvise_cold_or_pageout_pte_range (mm/madvise.c), reclaim_pages (mm/vmscan.c),
// folio_mark_lazyfree (mm/swap.c).
#include <linux/mman.h>

#include <algorithm>
#include <array>

#include "mm/filled_entries.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

/// Pages of files only where the program could write them: else it would see what others use
/// (Linux: can_do_file_pageout).
bool may_retire(const Vma& vma) {
  if (vma.is_anonymous() || vma.object()->is_shmem()) return true;
  return vma.has(vm_flags::kShared) && vma.has(vm_flags::kMayWrite);
}

}  // namespace

/// Some frames that only this address space maps, of pages from `at` on, which moves past them.
std::size_t AddressSpace::collect_own(VirtAddr& at, VirtAddr end, std::span<Pfn> out) {
  const SharedLockGuard guard(lock_);
  std::size_t count = 0;
  for (const Vma* vma = areas_->find(at); vma != nullptr && vma->start() < end;
       vma = areas_->next(*vma)) {
    const AddressRange part = vma->range().intersect({at, end});
    for (at = part.start; at < part.end; at += kPageSize) {
      if (count == out.size()) return count;
      const EntryRef slot = may_retire(*vma) ? table_->find(at) : EntryRef();
      const Entry entry = slot ? slot.load() : Entry();
      if (!entry.is_mapping() || entry.has(pte::kSpecial)) continue;
      if (frames_.frame(entry.pfn()).maps.load(std::memory_order_relaxed) == 1) {
        out[count++] = entry.pfn();
      }
    }
  }
  at = end;
  return count;
}

/// The pages look unused by now. What was to be freed may have been written to since: then the
/// frame says so.
void AddressSpace::retire(AddressRange range, int advice) {
  Reclaimer* const reclaimer = manager_.reclaimer();
  if (reclaimer == nullptr) return;
  std::array<Pfn, MemoryManager::kMostTraced> frames;
  for (VirtAddr at = range.start; at < range.end;) {
    const auto own = std::span(frames).first(collect_own(at, range.end, frames));
    if (advice == MADV_FREE) {
      reclaimer->free_lazily(own);
    } else if (advice == MADV_COLD) {
      reclaimer->cool(own);
    } else {
      reclaimer->page_out(own);
    }
  }
}

}  // namespace gonzo
