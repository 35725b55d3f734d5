// How the allocator reads and writes descriptors that another thread may be looking at.
#pragma once

#include <atomic>
#include <cstdint>

#include <gonzo/frame/frame_owner.h>

namespace gonzo {

/// `order` of a frame that does not head its block.
inline constexpr std::uint8_t kInsideBlock = 0xff;
/// `prev` and `next` at the ends of a list.
inline constexpr std::uint32_t kNoLink = Pfn::kNoneValue;

enum class Contents : std::uint8_t { kUnknown, kZero };

/// Merging looks at the state of a neighbour that somebody else may own and be freeing, so both
/// sides are atomic. No order is implied: the first frame of a block enters and leaves kFree under
/// the zone's lock only, and merging reads more of it only after that state was seen there.
inline void set_state(Frame& frame, FrameState state) {
  std::atomic_ref<FrameState>(frame.state).store(state, std::memory_order_relaxed);
}

/// A frame that somebody took and must give back.
constexpr bool is_in_use(FrameState state) { return state >= FrameState::kAnonymous; }

inline Contents contents_of(const Frame& frame) {
  return frame.has(frame_flags::kZeroed) ? Contents::kZero : Contents::kUnknown;
}
inline void set_contents(Frame& frame, Contents contents) {
  const auto flags = static_cast<std::uint16_t>(frame.flags.load(std::memory_order_relaxed) &
                                                ~frame_flags::kZeroed);
  const std::uint16_t zeroed = contents == Contents::kZero ? frame_flags::kZeroed : 0;
  frame.flags.store(flags | zeroed, std::memory_order_relaxed);
}

/// A frame as its new owner finds it. The caller is the only one that knows of the frame.
inline void begin_use(Frame& frame, FrameState state, std::uint8_t order, std::int32_t refs) {
  frame.refs.store(refs, std::memory_order_relaxed);
  frame.maps.store(0, std::memory_order_relaxed);
  set_state(frame, state);
  frame.order = order;
  frame.flags.store(0, std::memory_order_relaxed);
  frame.live_entries.store(0, std::memory_order_relaxed);
  frame.prev = frame.next = kNoLink;
  set_frame_swap_slot(frame, 0);  // mapping, too
  set_frame_index(frame, 0);
  set_frame_origin(frame, 0);
}

}  // namespace gonzo
