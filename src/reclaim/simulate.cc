#include "reclaim/simulate.h"

#include <algorithm>
#include <vector>

#include <gonzo/base/check.h>

namespace gonzo {

namespace {

constexpr std::uint32_t kOut = 0xffffffffU;

class Simulation {
 public:
  Simulation(ReclaimPolicy& policy, std::uint32_t frames, std::uint32_t pages,
             const SimulationOptions& options)
      : policy_(policy),
        options_(options),
        pages_(pages),
        page_in_(frames),
        used_(frames),
        victims_(std::min<std::size_t>(options.batch, frames)) {
    GONZO_CHECK(frames > 0 && options.batch > 0);
    for (std::uint32_t frame = frames; frame-- > 0;) free_.push_back(frame);
  }

  void use(std::uint32_t number) {
    Page& page = pages_[number];
    if (page.frame == kOut) {
      miss(page, number);
    } else if (options_.seen == Seen::kEachUse) {
      policy_.accessed(page.frame);
    }
    used_[page.frame] = 1;
  }
  const SimulationResult& result() const { return result_; }

 private:
  struct Page {
    std::uint32_t frame = kOut;
    Shadow shadow;
  };

  void miss(Page& page, std::uint32_t number) {
    ++result_.misses;
    if (free_.empty()) make_room();
    page.frame = free_.back();
    free_.pop_back();
    page_in_[page.frame] = number;
    policy_.added(page.frame, options_.kind, page.shadow);
  }

  void make_room() {
    const auto harvest = [&](std::uint32_t frame) {
      ++result_.looks;
      const std::uint8_t bit = options_.seen == Seen::kAccessedBits ? used_[frame] : 0;
      used_[frame] = 0;
      return References{.entries = bit};
    };
    const std::size_t count = select_at_any_price(policy_, {}, victims_, harvest);
    GONZO_CHECK(count > 0);
    for (const std::uint32_t frame : std::span(victims_).first(count)) {
      Page& page = pages_[page_in_[frame]];
      page = {.shadow = policy_.evicted(frame, Eviction::kWritten)};
      free_.push_back(frame);
      ++result_.evictions;
    }
  }

  ReclaimPolicy& policy_;
  SimulationOptions options_;
  std::vector<Page> pages_;
  std::vector<std::uint32_t> page_in_, free_;
  std::vector<std::uint8_t> used_;
  std::vector<std::uint32_t> victims_;
  SimulationResult result_;
};

}  // namespace

SimulationResult simulate(ReclaimPolicy& policy, std::uint32_t frames,
                          std::span<const std::uint32_t> trace, const SimulationOptions& options) {
  const std::uint32_t pages = trace.empty() ? 0 : *std::ranges::max_element(trace) + 1;
  Simulation simulation(policy, frames, pages, options);
  for (const std::uint32_t page : trace) simulation.use(page);
  return simulation.result();
}

}  // namespace gonzo
