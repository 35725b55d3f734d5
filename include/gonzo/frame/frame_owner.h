// Whose page a frame is. Linux: folio->mapping and folio->index.
#pragma once

#include <atomic>
#include <cstdint>

#include <gonzo/frame/frame.h>

namespace gonzo {

// Whoever looks for a page's entries reads these while the frame may be freed and used anew: what
// they say is a hint, to be checked where the page is kept.

/// What it is used for (Linux: folio_test_anon).
inline FrameState peek_state(const Frame& frame) {
  return std::atomic_ref(const_cast<FrameState&>(frame.state)).load(std::memory_order_relaxed);
}
/// kAnonymous: the address space in which it became a page, by AddressSpace::id(). kPageCache: the
/// object, by its number in the ObjectRegistry, or 0.
inline std::uint64_t frame_origin(const Frame& frame) {
  return std::atomic_ref(const_cast<Frame&>(frame).private_data).load(std::memory_order_relaxed);
}
inline void set_frame_origin(Frame& frame, std::uint64_t origin) {
  std::atomic_ref(frame.private_data).store(origin, std::memory_order_relaxed);
}
/// The page's number in that object; for anonymous memory by its address there. What is read of the
/// frame afterwards is no older.
inline std::uint64_t frame_index(const Frame& frame) {
  return std::atomic_ref(const_cast<Frame&>(frame).index).load(std::memory_order_acquire);
}
inline void set_frame_index(Frame& frame, std::uint64_t index) {
  std::atomic_ref(frame.index).store(index, std::memory_order_relaxed);
}
/// kSwapCached: the slot, packed.
inline std::uint64_t frame_swap_slot(const Frame& frame) {
  return std::atomic_ref(const_cast<Frame&>(frame).swap_slot).load(std::memory_order_acquire);
}
inline void set_frame_swap_slot(Frame& frame, std::uint64_t slot) {
  std::atomic_ref(frame.swap_slot).store(slot, std::memory_order_relaxed);
}

}  // namespace gonzo
