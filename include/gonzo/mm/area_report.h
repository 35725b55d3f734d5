// An area as it was at one moment: for people and tools.
#pragma once

#include <cstdint>
#include <string>

#include <gonzo/base/address.h>
#include <gonzo/mm/area_usage.h>

namespace gonzo {

struct AreaReport {
  enum class Maps : std::uint8_t { kNothing, kFile, kSharedMemory };

  AddressRange range;       ///< or the part of it that was asked for
  std::uint64_t flags = 0;  ///< vm_flags
  std::string line;         ///< of /proc/PID/maps, without its end; the whole area's
  std::string name;         ///< there; may be empty
  Maps maps = Maps::kNothing;
  std::uint64_t offset = 0;  ///< bytes into what it maps
  AreaUsage usage;           ///< report_areas() alone fills it in

  bool has(std::uint64_t flag) const { return (flags & flag) != 0; }
};

}  // namespace gonzo
