// Does a gap fit a request? One definition for the indexes that keep gaps.
#pragma once

#include <algorithm>
#include <optional>

#include <gonzo/vma/vma_index.h>

namespace gonzo {

/// Whether there may be a gap that fits among areas with these largest ones below them. Exact,
/// unless the request's bounds cut a gap short.
inline bool may_fit(const LargestGaps& largest, const GapRequest& request) {
  return largest.plain >= request.size ||
         (largest.guarded >= request.guard && largest.guarded - request.guard >= request.size);
}

/// The part of a gap that a request may use: its bounds and the guard taken off.
inline AddressRange usable(const GapRequest& request, VirtAddr gap_start, VirtAddr gap_end,
                           bool guarded) {
  if (guarded) gap_end = gap_end.value > request.guard ? gap_end - request.guard : VirtAddr(0);
  return {std::max(gap_start, request.low), std::min(gap_end, request.high)};
}

inline bool fits(const GapRequest& request, AddressRange free) {
  return free.start < free.end && free.size() >= request.size;
}

}  // namespace gonzo
