#include "reclaim/generated_trace.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace gonzo {

namespace {
/// Not the standard's distributions, which differ from library to library.
std::uint64_t below(std::mt19937_64& random, std::uint64_t limit) { return random() % limit; }
}  // namespace

Trace zipf_trace(std::uint32_t pages, std::size_t uses, double exponent, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<double> up_to(pages);
  double sum = 0;
  for (std::uint32_t rank = 0; rank < pages; ++rank) {
    up_to[rank] = sum += std::pow(rank + 1.0, -exponent);
  }
  std::vector<std::uint32_t> page_of_rank(pages);
  std::iota(page_of_rank.begin(), page_of_rank.end(), 0U);
  for (std::uint32_t rank = pages; rank > 1; --rank) {
    std::swap(page_of_rank[rank - 1], page_of_rank[below(random, rank)]);
  }
  Trace trace(uses);
  for (std::uint32_t& page : trace) {
    const double at = static_cast<double>(random() >> 11) * 0x1p-53 * sum;
    const auto rank = std::ranges::upper_bound(up_to, at) - up_to.begin();
    page = page_of_rank[std::min<std::size_t>(static_cast<std::size_t>(rank), pages - 1)];
  }
  return trace;
}

Trace loop_trace(std::uint32_t pages, std::size_t uses) {
  Trace trace(uses);
  for (std::size_t at = 0; at < uses; ++at) trace[at] = static_cast<std::uint32_t>(at % pages);
  return trace;
}

Trace hot_and_scan_trace(std::uint32_t hot, std::uint32_t cold, std::size_t uses, unsigned share,
                         std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Trace trace(uses);
  std::uint32_t scanned = 0;
  for (std::uint32_t& page : trace) {
    if (below(random, 100) < share) {
      page = static_cast<std::uint32_t>(below(random, hot));
    } else {
      page = hot + scanned++ % cold;
    }
  }
  return trace;
}

}  // namespace gonzo
