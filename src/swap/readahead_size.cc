#include <algorithm>
#include <bit>

#include <gonzo/swap/readahead_size.h>

namespace gonzo {

unsigned SwapReadaheadSize::next(std::uint64_t position) {
  const std::uint64_t last = last_position_.exchange(position, std::memory_order_relaxed);
  const unsigned hits = hits_.exchange(0, std::memory_order_relaxed);
  unsigned size = 0;
  if (hits == 0) {
    // No hits can come while nothing is read ahead: neighbours get it going again.
    size = position == last + 1 || position + 1 == last ? 2 : 1;
  } else {
    size = std::max(4U, std::bit_ceil(std::min(hits + 2, kMost)));
  }
  size = std::max(size, last_size_.load(std::memory_order_relaxed) / 2);
  last_size_.store(size, std::memory_order_relaxed);
  return size;
}

}  // namespace gonzo
