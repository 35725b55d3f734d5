// A slot of swap where a PageIndex has room for a frame's number.
#pragma once

#include <cstdint>

#include <gonzo/base/address.h>
#include <gonzo/swap/swap_slot.h>

namespace gonzo {

/// Devices of up to 512 GiB: 27 bits of offset. Larger ones have slots that do not fit.
inline constexpr unsigned kPackedOffsetBits = 27;

inline bool can_pack(SwapSlot slot) { return slot.offset >> kPackedOffsetBits == 0; }
inline Pfn pack_slot(SwapSlot slot) {
  return Pfn((std::uint64_t{slot.type} << kPackedOffsetBits) | slot.offset);
}
inline SwapSlot unpack_slot(Pfn packed) {
  return {.type = packed.value >> kPackedOffsetBits,
          .offset = packed.value & ((1U << kPackedOffsetBits) - 1)};
}

}  // namespace gonzo
