// An entry that maps a frame, and whose it is: what the way back from frames finds.
#pragma once

#include <cstdint>
#include <string>

#include <gonzo/base/address.h>

namespace gonzo {

struct PageMapping {
  std::uint64_t space = 0;  ///< AddressSpace::id()
  int owner = 0;            ///< AddressSpace::Config::owner
  VirtAddr address;
  std::uint64_t area_flags = 0;  ///< vm_flags
  std::string area;              ///< its name in maps; may be empty
};

}  // namespace gonzo
