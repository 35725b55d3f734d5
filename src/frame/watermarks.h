// How many frames a zone keeps back. Linux: init_per_zone_wmark_min, setup_per_zone_wmarks and
// setup_per_zone_lowmem_reserve (mm/page_alloc.c).
#pragma once

#include <cstdint>
#include <span>

#include <gonzo/frame/frame_allocator.h>

namespace gonzo {

/// In frames.
struct Watermarks {
  std::uint64_t min = 0, low = 0, high = 0;
  /// Kept from users who could have been served by a higher zone (Linux: lowmem_reserve, /proc
  /// zoneinfo's "protection").
  std::uint64_t reserve = 0;
};

struct ZoneSize {
  ZoneKind kind;
  std::uint64_t managed;  ///< frames that can be allocated
};

/// For all zones of a machine, lowest first; `out` is as long as `zones`. Watermarks sum to about
/// sqrt(16 * memory), both in KiB, at least 128 KiB as on Linux, but never to more than an eighth
/// of a zone: Linux does not run in memories that small, tests do.
void compute_watermarks(std::span<const ZoneSize> zones, std::span<Watermarks> out);

}  // namespace gonzo
