#include "frame/descriptor.h"
#include <gonzo/frame/frame_census.h>

namespace gonzo {

void FrameCensus::add(const FrameCensus& more) {
  for (std::size_t i = 0; i < by_state.size(); ++i) by_state[i] += more.by_state[i];
  shared_memory += more.shared_memory;
  dirty_files += more.dirty_files;
  mapped_objects += more.mapped_objects;
  locked += more.locked;
}

FrameCensus count_frames(const FrameAllocator& frames, Pfn start, Pfn end) {
  FrameCensus census;
  for (Pfn pfn = start; pfn < end; pfn = pfn + 1) {
    const Frame& frame = frames.frame(pfn);
    const FrameState state = peek_state(frame);
    ++census.by_state[static_cast<std::size_t>(state)];
    if (!is_in_use(state)) continue;
    if (frame.has(frame_flags::kMlocked)) ++census.locked;
    if (state != FrameState::kPageCache) continue;
    const bool shared = frame.has(frame_flags::kSwapBacked);
    if (shared) ++census.shared_memory;
    if (!shared && frame.has(frame_flags::kDirty)) ++census.dirty_files;
    if (frame.maps.load(std::memory_order_relaxed) > 0) ++census.mapped_objects;
  }
  return census;
}

}  // namespace gonzo
