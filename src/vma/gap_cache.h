// What is known about the gaps at the top of an address space, so that a search need not start
// there. Linux 2.6: free_area_cache and cached_hole_size, but exact.
#pragma once

#include <cstdint>

#include <gonzo/base/address.h>

namespace gonzo {

/// Two claims: no gap (cut to [from, high), less the guard) is larger than `hole` bytes; and no gap
/// has `from` in its middle. Gaps that shrink keep both true; one that grows is announced by
/// opened().
struct GapCache {
  VirtAddr from, high;  ///< equal: nothing is known
  std::uint64_t guard = 0;
  std::uint64_t hole = 0;

  bool skips(std::uint64_t size, VirtAddr request_high, std::uint64_t request_guard) const {
    return size > hole && from < request_high && request_high <= high && request_guard == guard;
  }
  /// A gap is now `gap`, guard taken off. When that breaks a claim, forget what lies below its end.
  void opened(AddressRange gap) {
    const AddressRange seen = gap.intersect({from, high});
    if (seen.empty()) return;
    if (seen.size() > hole || gap.start < from) from = seen.end;
  }
};

}  // namespace gonzo
