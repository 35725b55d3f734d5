// What an area has in memory, from its entries and the frames that they map.
// Linux: smaps_pte_entry, smaps_account (fs/proc/task_mmu.c).
#include <algorithm>

#include "mm/aged_pages.h"
#include "mm/filled_entries.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

void add_page(AreaUsage& usage, const Vma& vma, Entry entry, const Frame& frame) {
  const auto maps =
      static_cast<std::uint64_t>(std::max(1, frame.maps.load(std::memory_order_relaxed)));
  const std::uint64_t share = (kPageSize << AreaUsage::kShareShift) / maps;
  const bool dirty = entry.has(pte::kDirty) || frame.has(frame_flags::kDirty);

  usage.resident += kPageSize;
  usage.most_maps = std::max(usage.most_maps, maps);
  if (entry.has(pte::kAccessed)) usage.referenced += kPageSize;
  usage.share += share;
  if (vma.has(vm_flags::kLocked)) usage.share_locked += share;
  if (frame.state == FrameState::kAnonymous) {
    usage.anonymous += kPageSize;
    usage.share_anonymous += share;
    if (frame.has(frame_flags::kLazyFree)) usage.lazily_freed += kPageSize;
  } else {
    (vma.object()->is_shmem() ? usage.share_shmem : usage.share_file) += share;
  }
  if (dirty) {
    usage.share_dirty += share;
    (maps > 1 ? usage.shared_dirty : usage.private_dirty) += kPageSize;
  } else {
    (maps > 1 ? usage.shared_clean : usage.private_clean) += kPageSize;
  }
}

}  // namespace

void AreaUsage::add(const AreaUsage& more) {
  resident += more.resident;
  share += more.share;
  share_dirty += more.share_dirty;
  share_locked += more.share_locked;
  share_anonymous += more.share_anonymous;
  share_file += more.share_file;
  share_shmem += more.share_shmem;
  shared_clean += more.shared_clean;
  shared_dirty += more.shared_dirty;
  private_clean += more.private_clean;
  private_dirty += more.private_dirty;
  referenced += more.referenced;
  anonymous += more.anonymous;
  lazily_freed += more.lazily_freed;
  swapped += more.swapped;
  most_maps = std::max(most_maps, more.most_maps);
}

AreaUsage AddressSpace::measure(const Vma& vma, AddressRange part) {
  {
    AgedPages aged(cache_);
    table_->for_each_table(part, [&](VirtAddr start, EntryRef first, unsigned count) {
      for_each_filled(start, first, count, [&](VirtAddr address, EntryRef, Entry entry) {
        if (entry.is_mapping() && !entry.has(pte::kAccessed)) aged.add(address);
      });
      return true;
    });
  }
  AreaUsage usage;
  table_->for_each_table(part, [&](VirtAddr start, EntryRef first, unsigned count) {
    for_each_filled(start, first, count, [&](VirtAddr, EntryRef, Entry entry) {
      if (entry.is_swap()) {
        usage.swapped += kPageSize;
      } else if (entry.is_mapping() && !entry.has(pte::kSpecial)) {
        add_page(usage, vma, entry, frames_.frame(entry.pfn()));
      }
    });
    return true;
  });
  if (vma.is_shared() && !vma.is_anonymous()) {
    const std::uint64_t first = vma.page_index(part.start);
    usage.swapped += vma.object()->swapped_pages(first, first + part.pages()) * kPageSize;
  }
  return usage;
}

}  // namespace gonzo
