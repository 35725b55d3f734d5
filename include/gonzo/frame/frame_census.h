// What the frames of a range are used for, counted one by one: for texts and tools, not for paths
// that are in a hurry. Linux keeps such counts per zone and node (enum zone_stat_item,
// node_stat_item).
#pragma once

#include <array>
#include <cstdint>

#include <gonzo/base/address.h>
#include <gonzo/frame/frame_allocator.h>

namespace gonzo {

/// Frames.
struct FrameCensus {
  std::array<std::uint64_t, kFrameStates> by_state{};
  std::uint64_t shared_memory = 0;   ///< of kPageCache: without a file behind it (Linux: NR_SHMEM)
  std::uint64_t dirty_files = 0;     ///< of kPageCache: not yet in its file (NR_FILE_DIRTY)
  std::uint64_t mapped_objects = 0;  ///< of kPageCache: an entry maps it (NR_FILE_MAPPED)
  std::uint64_t locked = 0;          ///< kMlocked (NR_MLOCK)

  std::uint64_t in(FrameState state) const { return by_state[static_cast<std::size_t>(state)]; }
  void add(const FrameCensus& more);
};

/// Of [start, end), none of which is virgin, so that no descriptor is touched for the first time.
/// Thread-safe: frames that change hands meanwhile are counted as the one or the other.
FrameCensus count_frames(const FrameAllocator& frames, Pfn start, Pfn end);

}  // namespace gonzo
