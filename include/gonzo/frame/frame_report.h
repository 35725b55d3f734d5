// A frame's descriptor as it was at one moment: for people and tools.
#pragma once

#include <cstdint>

#include <gonzo/base/address.h>
#include <gonzo/base/function_ref.h>
#include <gonzo/frame/frame_allocator.h>

namespace gonzo {

struct FrameReport {
  Pfn pfn;
  FrameState state = FrameState::kVirgin;
  Pfn block;  ///< the first of the block that it is part of; none where blocks have no meaning
  unsigned order = 0;  ///< of that block
  std::int32_t refs = 0, maps = 0;
  std::uint16_t flags = 0;         ///< frame_flags
  std::uint32_t live_entries = 0;  ///< kPageTable
  std::uint64_t origin = 0;        ///< frame_origin()
  std::uint64_t index = 0;         ///< frame_index()
  std::uint64_t swap_slot = 0;     ///< kSwapCached: packed
  ZoneKind zone = ZoneKind::kNormal;

  bool has(std::uint16_t flag) const { return (flags & flag) != 0; }
};

/// `pfn` is one of the machine's. Thread-safe; of a frame that changes hands meanwhile the parts
/// may be of either life.
FrameReport report_frame(const FrameAllocator& frames, Pfn pfn);

/// All of memory, zone by zone, in order: each block's first frame with the number of frames that
/// it speaks for, and at a zone's end what was never used, in one piece that may be empty. As
/// report_frame().
void report_blocks(const FrameAllocator& frames,
                   FunctionRef<void(const FrameReport& first, std::uint64_t count)> visit);

}  // namespace gonzo
