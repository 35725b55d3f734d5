// The guest's machine's memory as Linux counts it. Linux: enum zone_stat_item, node_stat_item.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/system.h"
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/frame/frame_census.h>
#include <gonzo/frame/slab_allocator.h>

namespace gonzo {

/// One zone at one moment.
struct ZoneMemory {
  ZoneStats stats;
  FrameCensus used;
  /// Free blocks by order, what was never used among them.
  std::array<std::uint64_t, kMaxOrder + 1> free_blocks{};
  std::uint64_t in_blocks = 0;  ///< frames of these
  /// Free frames that lie in threads' lists (Linux: per_cpu_pages).
  std::uint64_t in_lists() const { return stats.free - in_blocks; }
  std::uint64_t managed() const { return stats.spanned - (stats.start == Pfn(0) ? 1 : 0); }
};

struct MachineMemory {
  std::vector<ZoneMemory> zones;
  FrameCensus used;
  std::uint64_t total = 0, free = 0;  ///< frames
  SlabAllocator::Totals slabs;

  static MachineMemory of(System& system);
  std::uint64_t anonymous() const { return used.in(FrameState::kAnonymous); }
  std::uint64_t objects() const { return used.in(FrameState::kPageCache); }
  std::uint64_t files() const { return objects() - used.shared_memory; }
};

/// "DMA", "Normal" ...
std::string_view zone_name(ZoneKind kind);

using StatValues = std::map<std::string, std::uint64_t, std::less<>>;
/// By Linux's names (nr_anon_pages ...); those that are not there are 0.
StatValues zone_values(const ZoneMemory& zone);
StatValues node_values(const MachineMemory& memory);

}  // namespace gonzo
