// How entries count in the descriptors of the frames that they map. `maps` counts entries, `refs`
// counts entries, caches and pins; so refs >= maps + pins, and a frame with both at one has a
// single owner.
#pragma once

#include <cstdint>

#include <gonzo/frame/frame.h>

namespace gonzo {

/// A write to it must be seen: swap has the same, or reclaim may drop it.
inline bool is_watched(const Frame& frame) {
  return frame.has(frame_flags::kSwapCached | frame_flags::kLazyFree);
}

/// Anonymous, and the entry that led here is its only user: it may be written in place (Linux:
/// PageAnonExclusive). Stays true while the address space's lock is held, but for pins of its own.
/// The acquire pairs with the release of the owner before: his reads of the frame are over.
inline bool is_exclusive(const Frame& frame) {
  return frame.state == FrameState::kAnonymous && frame.refs.load(std::memory_order_acquire) == 1 &&
         frame.maps.load(std::memory_order_relaxed) == 1;
}

/// One more entry and one more reference.
inline void share(Frame& frame) {
  if (is_exclusive(frame)) {
    // Nobody else can reach the frame: no need of two locked instructions.
    frame.refs.store(2, std::memory_order_relaxed);
    frame.maps.store(2, std::memory_order_relaxed);
    return;
  }
  frame.refs.fetch_add(1, std::memory_order_relaxed);
  frame.maps.fetch_add(1, std::memory_order_relaxed);
}

/// One entry fewer; its reference is dropped afterwards, so that refs >= maps at any time. Of a
/// frame that others may know: AddressSpace::forget_page.
inline void forget_map(Frame& frame) {
  if (is_exclusive(frame)) {
    // Nobody finds it in the swap cache either, who would map it meanwhile.
    frame.maps.store(0, std::memory_order_relaxed);
    return;
  }
  frame.maps.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace gonzo
