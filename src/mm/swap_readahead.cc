// Pages near one that is read from swap. Linux: swap_cluster_readahead (mm/swap_state.c).
#include <algorithm>
#include <array>

#include <gonzo/mm/memory_manager.h>

namespace gonzo {

/// Frames for the neighbours that nobody reads yet; how many. As many as there are frames for.
std::size_t MemoryManager::start_readahead(SwapSlot slot, std::span<SwapSlot> slots,
                                           std::span<Pfn> frames) {
  std::array<SwapSlot, SwapReadaheadSize::kMost> storage;
  std::size_t count = 0;
  for (const SwapSlot near : swap_->readahead_window(slot, storage)) {
    if (!swap_->try_start(near)) continue;
    const auto pfn = frames_.allocate(0, FrameState::kAnonymous, ZeroPolicy::kDontCare);
    if (!pfn) {
      swap_->finish_read(near, fail(pfn.error()));
      break;
    }
    frames_.frame(*pfn).set(frame_flags::kReadAhead);
    slots[count] = near;
    frames[count++] = *pfn;
  }
  return count;
}

Result<void> MemoryManager::read_swap(SwapSlot slot, Pfn pfn) {
  std::array<SwapSlot, SwapReadaheadSize::kMost + 1> slots;
  std::array<Pfn, SwapReadaheadSize::kMost + 1> frames;
  const std::size_t extra = start_readahead(slot, slots, frames);
  if (extra == 0) return swap_->read_in(slot, pfn);
  // In the order of the slots, so that consecutive ones are one request.
  const auto place =
      static_cast<std::size_t>(std::ranges::lower_bound(slots.begin(), slots.begin() + extra,
                                                        slot.offset, {}, &SwapSlot::offset) -
                               slots.begin());
  std::copy_backward(slots.begin() + place, slots.begin() + extra, slots.begin() + extra + 1);
  std::copy_backward(frames.begin() + place, frames.begin() + extra, frames.begin() + extra + 1);
  slots[place] = slot;
  frames[place] = pfn;
  const std::size_t good =
      swap_->read_in(std::span(slots).first(extra + 1), std::span(frames).first(extra + 1)).pages;
  for (std::size_t i = 0; i <= extra; ++i) {
    if (i == place) continue;
    const bool cached =
        swap_->finish_read(slots[i], i < good ? Result<Pfn>(frames[i]) : fail(Errno::kIo));
    if (cached) note_arrival(frames[i]);
    frames_.put(frames[i]);
  }
  // What keeps a neighbour from being read need not keep this one.
  return place < good ? Result<void>() : swap_->read_in(slot, pfn);
}

}  // namespace gonzo
