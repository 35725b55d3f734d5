// What a process has of its own in each page, as its page tables say it.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "mm/pagemap_words.h"
#include <gonzo/mm/address_space.h>

namespace gonzo::windows {

/// A page of the process's own, in memory or in swap; not a file's, a section's or the zero page.
inline bool is_own_page(std::uint64_t word, const MemoryManager& manager) {
  if ((word & pagemap::kSwapped) != 0) return true;
  if ((word & pagemap::kPresent) == 0 || (word & pagemap::kFileOrShared) != 0) return false;
  return !manager.is_zero_page(Pfn(word & pagemap::kFrameMask));
}

/// `visit(page number, is own page)` for the pages of `range`, until it returns false.
template <typename Visit>
void visit_own_pages(AddressSpace& space, AddressRange range, Visit&& visit) {
  std::array<std::uint64_t, 256> words;
  for (VirtAddr at = range.start; at < range.end;) {
    const auto some = std::span(words).first(
        std::min<std::uint64_t>(words.size(), AddressRange{at, range.end}.pages()));
    space.pagemap(at, some);
    for (const std::uint64_t word : some) {
      if (!visit(at.page_number(), is_own_page(word, space.manager()))) return;
      at += kPageSize;
    }
  }
}

}  // namespace gonzo::windows
