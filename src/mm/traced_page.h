// A page whose entries are looked for.
#pragma once

#include <cstdint>

#include <gonzo/base/address.h>
#include <gonzo/frame/frame_owner.h>
#include <gonzo/reclaim/reclaim_policy.h>
#include <gonzo/swap/swap_slot.h>

namespace gonzo {

enum class PageOwner : std::uint8_t { kAddressSpace, kObject };

struct TracedPage {
  Pfn pfn;
  SwapSlot slot;           ///< anonymous: to take the entries' place; counted once by who evicts
  bool is_cached = false;  ///< in the slot's cache, with a reference for who evicts
  PageOwner owner = PageOwner::kAddressSpace;
  std::uint64_t origin = 0;  ///< see frame_origin
  std::uint64_t index = 0;   ///< see frame_index
  unsigned entries = 0;      ///< found so far
  References seen;
};

}  // namespace gonzo
