// All of physical memory, in runs of frames that are used alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gonzo/frame/frame_allocator.h>

namespace gonzo {

enum class FrameUse : std::uint8_t {
  kFree,    ///< on a list, of the zones' or a thread's
  kUnused,  ///< and never used
  kAnonymous,
  kFile,
  kSharedMemory,
  kPageTable,
  kKernel,
  kReserved,
};
inline constexpr std::size_t kFrameUses = 8;
/// "free", "page table" ...
std::string_view use_name(FrameUse use);

struct FrameRun {
  Pfn first;
  std::uint64_t frames = 0;
  FrameUse use = FrameUse::kFree;
};

struct FrameMap {
  std::vector<FrameRun> runs;  ///< in order, without gaps; no two neighbours alike
  std::uint64_t frames = 0;
  /// Frames that more than one entry maps, by how many do.
  std::map<std::int32_t, std::uint64_t> shared;

  /// Reads each descriptor that was ever used. Thread-safe; what changes hands meanwhile is told as
  /// the one or the other.
  static FrameMap of(const FrameAllocator& frames);
};

/// A character for each frame, or as many as it takes to get along with `kMostRows` rows that are
/// not free from end to end; those are left out. With its key, in lines of `width` columns at most.
std::string frame_map_text(const FrameMap& map, std::size_t width);

}  // namespace gonzo
