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

/// Both in one word (Linux: swp_entry).
inline std::uint64_t pack(SwapSlot slot) { return (std::uint64_t{slot.type} << 58) | slot.offset; }
inline SwapSlot unpack_swap_slot(std::uint64_t word) {
  return {.type = static_cast<unsigned>(word >> 58),
          .offset = word & ((std::uint64_t{1} << 58) - 1)};
}

}  // namespace gonzo
