#include <algorithm>
#include <array>
#include <atomic>

#include "frame/descriptor.h"
#include <gonzo/frame/frame_report.h>

namespace gonzo {
namespace {

std::uint8_t peek_order(const Frame& frame) {
  return std::atomic_ref(const_cast<Frame&>(frame).order).load(std::memory_order_relaxed);
}

/// A block's first frame knows its order; those inside know nothing of it.
void find_block(const FrameAllocator& frames, FrameReport& report) {
  for (unsigned order = 0; order <= kMaxOrder; ++order) {
    const Pfn first(report.pfn.value & ~((1U << order) - 1));
    const Frame& head = frames.frame(first);
    const std::uint8_t known = peek_order(head);
    if (peek_state(head) != report.state || known == kInsideBlock || known < order) continue;
    report.block = first;
    report.order = known;
    return;
  }
}

FrameReport report_in(const FrameAllocator& frames, Pfn pfn, ZoneKind zone) {
  const Frame& frame = frames.frame(pfn);
  FrameReport report{.pfn = pfn,
                     .state = peek_state(frame),
                     .refs = frame.refs.load(std::memory_order_relaxed),
                     .maps = frame.maps.load(std::memory_order_relaxed),
                     .flags = frame.flags.load(std::memory_order_relaxed),
                     .live_entries = frame.live_entries.load(std::memory_order_relaxed),
                     .origin = frame_origin(frame),
                     .index = frame_index(frame),
                     .zone = zone};
  if (report.has(frame_flags::kSwapCached)) report.swap_slot = frame_swap_slot(frame);
  if (report.state != FrameState::kVirgin) find_block(frames, report);
  return report;
}

}  // namespace

FrameReport report_frame(const FrameAllocator& frames, Pfn pfn) {
  ZoneKind kind = ZoneKind::kNormal;
  std::array<ZoneStats, 3> storage;
  for (const ZoneStats& zone : frames.zone_stats(storage)) {
    if (pfn.value >= zone.start.value && pfn.value - zone.start.value < zone.spanned) {
      kind = zone.kind;
    }
  }
  return report_in(frames, pfn, kind);
}

void report_blocks(const FrameAllocator& frames,
                   FunctionRef<void(const FrameReport& first, std::uint64_t count)> visit) {
  std::array<ZoneStats, 3> storage;
  for (const ZoneStats& zone : frames.zone_stats(storage)) {
    const Pfn unused = zone.start + (zone.spanned - zone.virgin);
    for (Pfn pfn = zone.start; pfn < unused;) {
      const FrameReport frame = report_in(frames, pfn, zone.kind);
      const std::uint64_t block = frame.block == pfn ? std::uint64_t{1} << frame.order : 1;
      const std::uint64_t count = std::min<std::uint64_t>(block, unused.value - pfn.value);
      visit(frame, count);
      pfn = pfn + count;
    }
    visit({.pfn = unused, .zone = zone.kind}, zone.virgin);
  }
}

}  // namespace gonzo
