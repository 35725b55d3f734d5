// An anonymous page whose entries are looked for.
#pragma once

#include <atomic>
#include <cstdint>

#include <gonzo/base/address.h>
#include <gonzo/frame/frame.h>
#include <gonzo/reclaim/reclaim_policy.h>
#include <gonzo/swap/swap_slot.h>

namespace gonzo {

struct TracedPage {
  Pfn pfn;
  SwapSlot slot;             ///< to take the entries' place; counted once by who evicts
  std::uint64_t origin = 0;  ///< where it became a page: see frame_origin
  std::uint64_t index = 0;   ///< in its area's object, or by its address there
  unsigned entries = 0;      ///< found so far
  References seen;
};

// Whoever looks for a page's entries reads these while the frame may be freed and used anew.

/// The address space in which an anonymous frame became a page: AddressSpace::id().
inline std::uint64_t frame_origin(const Frame& frame) {
  return std::atomic_ref(const_cast<Frame&>(frame).private_data).load(std::memory_order_relaxed);
}
inline void set_frame_origin(Frame& frame, std::uint64_t origin) {
  std::atomic_ref(frame.private_data).store(origin, std::memory_order_relaxed);
}
inline std::uint64_t frame_index(const Frame& frame) {
  return std::atomic_ref(const_cast<Frame&>(frame).index).load(std::memory_order_relaxed);
}
inline void set_frame_index(Frame& frame, std::uint64_t index) {
  std::atomic_ref(frame.index).store(index, std::memory_order_relaxed);
}

}  // namespace gonzo
