// The place of one page in swap space. Linux: swp_entry_t.
#pragma once

#include <cstdint>

namespace gonzo {

/// `type` says which device (below 31, as a page-table entry has room for), `offset` which of its
/// pages.
struct SwapSlot {
  unsigned type = 0;
  std::uint64_t offset = 0;

  bool operator==(const SwapSlot&) const = default;
};

/// How many devices there can be at once (Linux: MAX_SWAPFILES).
inline constexpr unsigned kMaxSwapDevices = 31;

}  // namespace gonzo
