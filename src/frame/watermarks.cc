#include "frame/watermarks.h"

#include <algorithm>

namespace gonzo {
namespace {

constexpr std::uint64_t kFramesPerKiBShift = kPageShift - 10;

std::uint64_t integer_sqrt(std::uint64_t n) {
  std::uint64_t root = 0;
  for (std::uint64_t bit = std::uint64_t{1} << 31; bit != 0; bit >>= 1) {
    if ((root | bit) * (root | bit) <= n) root |= bit;
  }
  return root;
}

/// One part in how many of the memory above is kept in this zone (vm.lowmem_reserve_ratio).
std::uint64_t reserve_ratio(ZoneKind kind) {
  return kind == ZoneKind::kDma || kind == ZoneKind::kDma32 ? 256 : 32;
}

}  // namespace

void compute_watermarks(std::span<const ZoneSize> zones, std::span<Watermarks> out) {
  std::uint64_t lowmem = 0, above = 0;
  for (const ZoneSize& zone : zones) {
    above += zone.managed;
    if (zone.kind != ZoneKind::kHighMem) lowmem += zone.managed;
  }
  const std::uint64_t min_kib =
      std::clamp<std::uint64_t>(integer_sqrt((lowmem << kFramesPerKiBShift) * 16), 128, 262144);
  const std::uint64_t min_frames = min_kib >> kFramesPerKiBShift;

  for (std::size_t i = 0; i < zones.size(); ++i) {
    const std::uint64_t managed = zones[i].managed;
    above -= managed;
    std::uint64_t share = lowmem == 0 ? 0 : min_frames * managed / lowmem;
    const std::uint64_t gap = std::min(std::max(share / 4, managed * 10 / 10000), managed / 8);
    // HighMem serves no allocation that must not fail, so it keeps back next to nothing.
    if (zones[i].kind == ZoneKind::kHighMem) {
      share = std::clamp<std::uint64_t>(managed / 1024, 32, 128);
    }
    share = std::min(share, managed / 8);
    out[i] = {share, share + gap, share + 2 * gap, above / reserve_ratio(zones[i].kind)};
  }
}

}  // namespace gonzo
