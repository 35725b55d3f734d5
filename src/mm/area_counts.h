// Which of an address space's counters an area's pages are in. Linux: vm_stat_account (mm/vma.c).
#pragma once

#include <cstdint>

#include <gonzo/mm/address_space.h>

namespace gonzo {

/// Linux: is_data_mapping(). Private and writable, and no stack.
constexpr bool is_data(std::uint64_t flags) {
  using namespace vm_flags;
  return (flags & (kWrite | kShared | kGrowsDown)) == kWrite;
}

constexpr bool is_exec(std::uint64_t flags) {
  using namespace vm_flags;
  return (flags & (kExec | kWrite | kGrowsDown)) == kExec;
}

/// `pages` may be negative.
inline void add_area_pages(AddressSpaceCounts& counts, std::uint64_t flags, std::int64_t pages) {
  const auto change = static_cast<std::uint64_t>(pages);
  counts.total += change;
  if (is_exec(flags)) {
    counts.exec += change;
  } else if ((flags & vm_flags::kGrowsDown) != 0) {
    counts.stack += change;
  } else if (is_data(flags)) {
    counts.data += change;
  }
  if ((flags & vm_flags::kLocked) != 0) counts.locked += change;
}

}  // namespace gonzo
