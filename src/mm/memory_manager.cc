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

void MemoryManager::enlist(AddressSpace& space) {
  const LockGuard guard(spaces_lock_);
  spaces_.push_back(&space);
}

void MemoryManager::strike(AddressSpace& space) {
  const LockGuard guard(spaces_lock_);
  std::erase(spaces_, &space);
}

MemoryManager::~MemoryManager() {
  for (unsigned i = 0; i < zero_page_count_; ++i) frames_.put(zero_pages_ + i);
}

}  // namespace gonzo
