// At which sizes a program is measured, and where its knee is.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/curve/report.h"

namespace gonzo {

/// The least memory of a machine that is tried.
inline constexpr std::uint64_t kLeastCurveMemory = 1 << 20;

/// "64M", or a share of the peak, "50%".
struct MemorySize {
  std::uint64_t bytes = 0;
  double share = 0;  ///< of the peak; 0: bytes count

  std::uint64_t of(std::uint64_t peak) const;
};
std::optional<MemorySize> parse_memory_size(std::string_view text);

struct Ladder {
  std::vector<MemorySize> sizes;   ///< these; or else
  std::optional<MemorySize> from;  ///< the largest, default the peak
  std::optional<MemorySize> to;    ///< the smallest, default an eighth of it
  std::optional<unsigned> steps;   ///< how many, default 9; each by the same factor less

  /// In bytes, whole pages, the largest first; each once, and none below kLeastCurveMemory.
  std::vector<std::uint64_t> rungs(std::uint64_t peak) const;
};

/// Of points in any order. Those that did not end the same are too slow for any knee.
Knee find_knee(std::span<const Point> points, double full_speed, double within);

/// The size that tells most about where the knee is; none if its resolution is good already.
std::optional<std::uint64_t> next_size(const Knee& knee, double resolution);

}  // namespace gonzo
