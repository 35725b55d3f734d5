// What an address space knows of one address, at one moment: for people and tools.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <gonzo/base/address.h>
#include <gonzo/frame/frame_report.h>
#include <gonzo/mm/area_report.h>
#include <gonzo/paging/table_path.h>

namespace gonzo {

/// A page of what an area maps.
struct ObjectPlace {
  std::string path;                    ///< as maps shows it; may be empty
  std::uint64_t offset = 0;            ///< bytes: where the address lies in it
  std::optional<std::uint64_t> bytes;  ///< how long it is, if it has an end
  bool is_shared_memory = false;
  bool is_resident = false;  ///< in memory, whoever maps it
  bool is_swapped = false;   ///< in swap, as the object's own

  bool is_beyond() const { return bytes && page_floor(offset) >= page_ceil(*bytes); }
};

struct PageReport {
  PagingFormat format = PagingFormat::kFourLevel;
  VirtAddr address;
  VirtAddr user_end;  ///< first address that is not the program's
  Pfn root;
  std::optional<AreaReport> area;          ///< that holds the address
  std::optional<AreaReport> below, above;  ///< its neighbours, or the address's
  TablePath path;
  std::optional<ObjectPlace> object;  ///< what the area maps
  std::optional<FrameReport> frame;   ///< that the path leads to
  bool is_zero_page = false;          ///< one of those that all share
  std::uint64_t stack_limit = 0;      ///< bytes
};

}  // namespace gonzo
