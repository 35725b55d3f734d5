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
      commitments_({.policy = config.overcommit, .memory_pages = frames.frame_count()}),
      zero_pages_(zero_pages),
      zero_page_count_(zero_page_count) {}

SwapSpace* MemoryManager::swap() const {
  return reclaimer_ == nullptr ? nullptr : &reclaimer_->swap();
}

bool MemoryManager::make_room() {
  constexpr std::size_t kEnough = 64;
  constexpr unsigned kMostRounds = 16;  // Linux: MAX_RECLAIM_RETRIES
  if (reclaimer_ == nullptr) return false;
  const StallClock::Stall stall(stalls_);
  for (unsigned round = 0; round < kMostRounds; ++round) {
    if (reclaimer_->reclaim(kEnough) != 0) return true;
  }
  return false;
}

MemoryManager::~MemoryManager() {
  for (unsigned i = 0; i < zero_page_count_; ++i) frames_.put(zero_pages_ + i);
}

}  // namespace gonzo
