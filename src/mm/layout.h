// Where mappings go in an empty address space. Linux: arch/x86/mm/mmap.c, asm/page_64_types.h.
#pragma once

#include <algorithm>
#include <cstdint>

#include <gonzo/base/address.h>
#include <gonzo/paging/page_table.h>

namespace gonzo {

/// Mappings go beyond this only when their hint does (Linux: DEFAULT_MAP_WINDOW).
inline VirtAddr map_window(const PageTable& table) {
  return std::min(table.user_end(), VirtAddr((1ULL << 47) - kPageSize));
}

/// Linux: mmap_base() with no random bits. 128 MiB are left for the stack at least, a sixth of the
/// window for mappings.
inline VirtAddr mmap_base(VirtAddr window, std::uint64_t stack_limit, std::uint64_t guard) {
  std::uint64_t gap = stack_limit;
  if (gap + guard > gap) gap += guard;
  gap = std::clamp<std::uint64_t>(gap, 128ULL << 20, window.value / 6 * 5);
  return (window - gap).page_ceil();
}

/// Where the bottom-up search begins (Linux: TASK_UNMAPPED_BASE).
inline VirtAddr legacy_base(VirtAddr window) { return VirtAddr(window.value / 3).page_ceil(); }

}  // namespace gonzo
