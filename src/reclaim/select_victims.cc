#include <gonzo/reclaim/reclaim_policy.h>

namespace gonzo {

std::size_t select_victims(ReclaimPolicy& policy, ScanPass& pass, std::span<std::uint32_t> victims,
                           FunctionRef<References(std::uint32_t)> harvest) {
  std::size_t count = 0;
  while (count < victims.size()) {
    // Those that stay make room for the next batch's.
    const std::span<std::uint32_t> batch = victims.subspan(count);
    const std::size_t isolated = policy.isolate(pass, batch);
    if (isolated == 0) break;
    for (std::size_t i = 0; i < isolated; ++i) {
      const std::uint32_t frame = batch[i];
      if (policy.judge(frame, harvest(frame)) == Verdict::kEvict) victims[count++] = frame;
    }
  }
  return count;
}

std::size_t select_at_any_price(ReclaimPolicy& policy, ScanRequest request,
                                std::span<std::uint32_t> victims,
                                FunctionRef<References(std::uint32_t)> harvest) {
  constexpr unsigned kMostRetries = 16;  // Linux: MAX_RECLAIM_RETRIES
  std::size_t count = 0;
  for (unsigned retries = 0; count < victims.size() && retries < kMostRetries;) {
    ScanPass pass = policy.begin(request);
    const std::size_t found = select_victims(policy, pass, victims.subspan(count), harvest);
    count += found;
    if (request.priority != 0) {
      --request.priority;
    } else {
      retries = found == 0 ? retries + 1 : 0;
    }
  }
  return count;
}

}  // namespace gonzo
