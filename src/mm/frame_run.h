// Frames for a run of pages, physically contiguous where the addresses are aligned: a machine can
// map such a run at once, and the allocator works once for all of it.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include <gonzo/base/address.h>
#include <gonzo/frame/frame_allocator.h>

namespace gonzo {

inline constexpr unsigned kNoPage = ~0U;

/// Cuts [start, start + pages) into the largest naturally aligned blocks and calls
/// `take(offset, first, count)` with the frames of each, in order; offsets are in pages from
/// `start`. Only the page at `required` (kNoPage: none) matters: when memory is scarce the others
/// are left out. False: not even that one could be had. The frames are anonymous, with one
/// reference each.
template <typename Take>
bool allocate_run(FrameAllocator& frames, VirtAddr start, unsigned pages, unsigned required,
                  ZeroPolicy zero, Take&& take) {
  for (unsigned offset = 0; offset < pages;) {
    const std::uint64_t number = start.page_number() + offset;
    const auto order =
        static_cast<unsigned>(std::min(std::countr_zero(number | (1ULL << kMaxOrder)),
                                       static_cast<int>(std::bit_width(pages - offset)) - 1));
    if (const auto first = frames.allocate_split(order, FrameState::kAnonymous, zero)) {
      take(offset, *first, 1U << order);
      offset += 1U << order;
      continue;
    }
    if (required == kNoPage || offset > required) return true;
    if (order == 0 && offset == required) return false;
    const auto single = frames.allocate(0, FrameState::kAnonymous, zero);
    if (!single) return false;
    take(required, *single, 1U);
    return true;
  }
  return true;
}

}  // namespace gonzo
