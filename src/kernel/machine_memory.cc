#include "kernel/machine_memory.h"

#include <algorithm>
#include <bit>

#include "kernel/kernel_memory.h"

namespace gonzo {
namespace {

/// Never-used memory as the buddy lists would hold it.
void add_virgin(ZoneMemory& zone) {
  const std::uint64_t end = zone.stats.start.value + zone.stats.spanned;
  for (std::uint64_t pfn = end - zone.stats.virgin; pfn < end;) {
    const auto aligned = static_cast<unsigned>(std::countr_zero(pfn | 1ULL << kMaxOrder));
    const auto fitting = static_cast<unsigned>(std::bit_width(end - pfn) - 1);
    const unsigned order = std::min(aligned, fitting);
    ++zone.free_blocks[order];
    pfn += 1ULL << order;
  }
}

ZoneMemory zone_memory(const FrameAllocator& frames, const ZoneStats& stats) {
  ZoneMemory zone{.stats = stats, .used = {}, .free_blocks = stats.free_blocks};
  add_virgin(zone);
  for (unsigned order = 0; order <= kMaxOrder; ++order) {
    zone.in_blocks += zone.free_blocks[order] << order;
  }
  zone.in_blocks = std::min(zone.in_blocks, stats.free);
  zone.used = count_frames(frames, stats.start, stats.start + (stats.spanned - stats.virgin));
  return zone;
}

}  // namespace

MachineMemory MachineMemory::of(System& system) {
  const FrameAllocator& frames = system.frames();
  std::array<ZoneStats, 3> storage;
  MachineMemory memory;
  for (const ZoneStats& stats : frames.zone_stats(storage)) {
    memory.zones.push_back(zone_memory(frames, stats));
    memory.used.add(memory.zones.back().used);
    memory.free += stats.free;
    memory.total += stats.spanned;
  }
  memory.slabs = system.kernel_memory().slabs().totals();
  return memory;
}

std::string_view zone_name(ZoneKind kind) {
  switch (kind) {
    case ZoneKind::kDma:
      return "DMA";
    case ZoneKind::kDma32:
      return "DMA32";
    case ZoneKind::kHighMem:
      return "HighMem";
    case ZoneKind::kNormal:
      break;
  }
  return "Normal";
}

/// All pages are inactive: there are no lists that would make some active.
StatValues zone_values(const ZoneMemory& zone) {
  const FrameCensus& used = zone.used;
  constexpr unsigned kPageBlockOrder = 9;
  std::uint64_t large = 0;
  for (unsigned order = kPageBlockOrder; order <= kMaxOrder; ++order) {
    large += zone.free_blocks[order] << order;
  }
  return {{"nr_free_pages", zone.stats.free},
          {"nr_free_pages_blocks", large},
          {"nr_zone_inactive_anon", used.in(FrameState::kAnonymous) + used.shared_memory},
          {"nr_zone_inactive_file", used.in(FrameState::kPageCache)-used.shared_memory},
          {"nr_zone_write_pending", used.dirty_files},
          {"nr_mlock", used.locked}};
}

StatValues node_values(const MachineMemory& memory) {
  return {{"nr_inactive_anon", memory.anonymous() + memory.used.shared_memory},
          {"nr_inactive_file", memory.files()},
          {"nr_anon_pages", memory.anonymous()},
          {"nr_mapped", memory.used.mapped_objects},
          {"nr_file_pages", memory.objects()},
          {"nr_dirty", memory.used.dirty_files},
          {"nr_slab_reclaimable", memory.slabs.reclaimable},
          {"nr_slab_unreclaimable", memory.slabs.unreclaimable},
          {"nr_shmem", memory.used.shared_memory},
          {"nr_page_table_pages", memory.used.in(FrameState::kPageTable)}};
}

}  // namespace gonzo
