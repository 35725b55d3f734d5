// What a policy makes of a trace: the misses of a machine with so many frames.
#pragma once

#include <cstdint>
#include <span>

#include <gonzo/reclaim/reclaim_policy.h>

namespace gonzo {

/// How a policy learns that a page in memory was used.
enum class Seen : std::uint8_t {
  kEachUse,       ///< accessed(), each time
  kAccessedBits,  ///< as on a processor: a bit, which judge() is told
};

struct SimulationOptions {
  Seen seen = Seen::kEachUse;
  PageKind kind = PageKind::kAnonymous;
  /// Pages evicted at once when memory is full (Linux: SWAP_CLUSTER_MAX is 32).
  std::size_t batch = 1;
};

struct SimulationResult {
  std::uint64_t misses = 0;  ///< uses that found their page out of memory, the first ones too
  std::uint64_t evictions = 0;
  std::uint64_t looks = 0;  ///< pages whose references were asked for
};

/// Runs `trace`, pages by dense numbers, through a new `policy` for at least `frames` frames; at
/// most that many pages are in memory at once.
SimulationResult simulate(ReclaimPolicy& policy, std::uint32_t frames,
                          std::span<const std::uint32_t> trace,
                          const SimulationOptions& options = {});

}  // namespace gonzo
