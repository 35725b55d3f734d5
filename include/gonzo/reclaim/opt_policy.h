// OPT, the policy that knows the future: Belady, "A Study of Replacement Algorithms for a
// Virtual-Storage Computer" (IBM Systems Journal, 1966).
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include <gonzo/reclaim/reclaim_policy.h>

namespace gonzo {

/// Evicts the page whose next use is farthest away: no policy misses less. `trace` holds the pages
/// in the order of their uses, by numbers that are dense (memory is taken for the highest). Each
/// call of added() and accessed() must be the trace's next use, on the frame that holds the page;
/// uses after its end are taken for the last ones of their pages. Proposes even what is in use.
/// Throws std::bad_alloc. 44 bytes a frame and 8 for each use.
std::unique_ptr<ReclaimPolicy> make_opt_policy(std::uint32_t frames,
                                               std::span<const std::uint32_t> trace);

}  // namespace gonzo
