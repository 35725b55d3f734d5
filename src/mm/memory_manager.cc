#include <algorithm>
#include <bit>

#include <gonzo/mm/memory_manager.h>

namespace gonzo {

Result<std::unique_ptr<MemoryManager>> MemoryManager::create(FrameAllocator& frames,
                                                             const Config& config) {
  const unsigned count = std::min(config.anonymous_fault_around, kMaxZeroPages);
  const auto order = static_cast<unsigned>(std::countr_zero(count));
  GONZO_ASSIGN(const Pfn zero_pages,
               frames.allocate_split(order, FrameState::kReserved, ZeroPolicy::kZeroed));
  return std::unique_ptr<MemoryManager>(new MemoryManager(frames, config, zero_pages, count));
}

MemoryManager::MemoryManager(FrameAllocator& frames, const Config& config, Pfn zero_pages,
                             unsigned zero_page_count)
    : frames_(frames),
      config_(config),
      commitments_({.policy = config.overcommit,
                    .memory_pages = frames.frame_count(),
                    .ratio = config.commit_ratio}),
      zero_pages_(zero_pages),
      zero_page_count_(zero_page_count) {}

void MemoryManager::serve(Reclaimer* reclaimer) {
  reclaimer_ = reclaimer;
  swap_ = reclaimer != nullptr && reclaimer->swap().has_areas() ? &reclaimer->swap() : nullptr;
  objects_.serve(reclaimer, swap_);
}

/// Room that others take each time is none.
bool MemoryManager::make_room(int owner, unsigned tries) {
  constexpr std::size_t kEnough = 64;
  const StallClock::Stall stall(stalls_);
  constexpr unsigned kMostTries = 64;
  const bool hopeful = (tries + 1) % kMostTries != 0;
  if (hopeful && reclaimer_ != nullptr && reclaimer_->reclaim(kEnough) != 0) return true;
  return out_of_memory_ != nullptr && out_of_memory_->out_of_memory(owner);
}

void MemoryManager::evict_for_torture() {
  if (config_.evict_every == 0) return;
  if (faults_.fetch_add(1, std::memory_order_relaxed) % config_.evict_every != 0) return;
  if (reclaimer_ != nullptr) reclaimer_->reclaim(1);
}

MemoryManager::~MemoryManager() {
  for (unsigned i = 0; i < zero_page_count_; ++i) frames_.put(zero_pages_ + i);
}

}  // namespace gonzo
