// Where a page is mapped.
#pragma once

#include "mm/frame_use.h"
#include <gonzo/mm/address_space.h>

namespace gonzo {

struct AddressSpace::PagePlace {
  const Vma& vma;
  VirtAddr address;
  EntryRef slot;
  Entry entry;  ///< as it was read
};

}  // namespace gonzo
