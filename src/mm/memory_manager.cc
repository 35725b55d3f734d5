#include <gonzo/mm/memory_manager.h>

namespace gonzo {

Result<std::unique_ptr<MemoryManager>> MemoryManager::create(FrameAllocator& frames,
                                                             const Config& config) {
  GONZO_ASSIGN(const Pfn zero_page, frames.allocate(0, FrameState::kReserved, ZeroPolicy::kZeroed));
  return std::unique_ptr<MemoryManager>(new MemoryManager(frames, config, zero_page));
}

MemoryManager::MemoryManager(FrameAllocator& frames, const Config& config, Pfn zero_page)
    : frames_(frames), config_(config), zero_page_(zero_page) {}

MemoryManager::~MemoryManager() { frames_.put(zero_page_); }

}  // namespace gonzo
