#include <algorithm>

#include "reclaim/arc_policy.h"
#include "reclaim/clock_policy.h"
#include "reclaim/fifo_policy.h"
#include "reclaim/linux_policy.h"
#include "reclaim/lru_policy.h"
#include "reclaim/mglru_policy.h"
#include "reclaim/s3fifo_policy.h"
#include "reclaim/sieve_policy.h"
#include "reclaim/two_queue_policy.h"
#include <gonzo/reclaim/reclaim_policy.h>

namespace gonzo {

namespace {

struct Maker {
  std::string_view name;
  std::unique_ptr<ReclaimPolicy> (*make)(std::uint32_t frames);
};

template <typename Policy>
constexpr Maker maker() {
  return {Policy::kName, [](std::uint32_t frames) -> std::unique_ptr<ReclaimPolicy> {
            return std::make_unique<Policy>(frames);
          }};
}

/// A new policy is one more line here.
constexpr std::array kMakers = {
    maker<LinuxPolicy>(), maker<MglruPolicy>(),  maker<ClockPolicy>(),
    maker<FifoPolicy>(),  maker<LruPolicy>(),    maker<TwoQueuePolicy>(),
    maker<ArcPolicy>(),   maker<S3FifoPolicy>(), maker<SievePolicy>()};

constexpr auto kNames = [] {
  std::array<std::string_view, kMakers.size()> names;
  std::ranges::transform(kMakers, names.begin(), &Maker::name);
  return names;
}();
static_assert(kNames.front() == kDefaultPolicy);

}  // namespace

std::span<const std::string_view> policy_names() { return kNames; }

std::unique_ptr<ReclaimPolicy> make_policy(std::string_view name, std::uint32_t frames) {
  const auto* const found = std::ranges::find(kMakers, name, &Maker::name);
  return found == kMakers.end() ? nullptr : found->make(frames);
}

}  // namespace gonzo
