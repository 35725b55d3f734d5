// /proc/PID/pagemap. Linux: pagemap_pmd_range, pte_to_pagemap_entry (fs/proc/task_mmu.c),
// Documentation/admin-guide/mm/pagemap.rst.
#include <algorithm>

#include "mm/filled_entries.h"
#include "mm/pagemap_words.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

using namespace pagemap;

constexpr unsigned kSwapTypeBits = 5;

/// A kernel without soft-dirty tracking leaves bit 55 clear. PROT_NONE pages are present.
/// Frames of the machine's own are not told of.
std::uint64_t word_of(Entry entry, MemoryManager& manager) {
  if (!entry.is_mapping()) {
    return kSwapped | entry.swap_type() | entry.swap_offset() << kSwapTypeBits;
  }
  const std::uint64_t word = kPresent | entry.pfn().value;
  if (entry.has(pte::kSpecial)) return manager.is_zero_page(entry.pfn()) ? word : 0;
  const Frame& frame = manager.frames().frame(entry.pfn());
  const bool anonymous = frame.state == FrameState::kAnonymous;
  const bool alone = frame.maps.load(std::memory_order_relaxed) == 1;
  return word | (anonymous ? 0 : kFileOrShared) | (alone ? kExclusive : 0);
}

}  // namespace

void AddressSpace::pagemap(VirtAddr start, std::span<std::uint64_t> out) {
  std::ranges::fill(out, 0);
  const VirtAddr limit = table_->user_end();
  start = std::min(start.page_floor(), limit);
  const AddressRange range{start, start + std::min(out.size() * kPageSize, limit - start)};
  const LockGuard guard(lock_);
  table_->for_each_table(range, [&](VirtAddr first, EntryRef slots, unsigned count) {
    for_each_filled(first, slots, count, [&](VirtAddr address, EntryRef, Entry entry) {
      out[(address - start) / kPageSize] = word_of(entry, manager_);
    });
    return true;
  });
}

}  // namespace gonzo
