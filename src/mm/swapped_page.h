// A page that was in swap.
#pragma once

#include <gonzo/mm/address_space.h>

namespace gonzo {

/// Its frame, from the cache or from the device, with a reference of the fault's.
struct AddressSpace::SwappedPage {
  Pfn pfn;
  Shadow shadow;
  FaultOutcome outcome = FaultOutcome::kMinor;
};

inline SwapSlot slot_of(Entry entry) { return {entry.swap_type(), entry.swap_offset()}; }

}  // namespace gonzo
