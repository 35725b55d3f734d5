// The emulated machine's memory: frames, swap, files, and who makes room among them.
#pragma once

#include <cstdint>
#include <memory>

#include <gonzo/cache/page_cache.h>
#include <gonzo/mm/memory_manager.h>
#include <gonzo/mm/reclaimer.h>
#include <gonzo/swap/swap_space.h>

/// Outlives the address spaces on it.
class Memory {
 public:
  struct Config {
    std::uint64_t bytes = 16ULL << 20;
    std::uint64_t swap_bytes = 0;  ///< in a temporary file; 0: none
    bool is_i386 = false;          ///< zones that the 32-bit formats can address
  };
  /// ENOMEM; EINVAL: no whole page; errors of the swap file's directory.
  static gonzo::Result<std::unique_ptr<Memory>> create(const Config& config);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  gonzo::FrameAllocator& frames() { return *frames_; }
  gonzo::MemoryManager& manager() { return *manager_; }
  gonzo::PageCache& files() { return *files_; }
  gonzo::SwapSpace& swap() { return *swap_; }

 private:
  /// For allocations that cannot wait for reclaim: page tables.
  class Pressure final : public gonzo::PressureHandler {
   public:
    bool make_room(std::size_t frames) override {
      return cache != nullptr && cache->shrink(frames) != 0;
    }
    gonzo::PageCache* cache = nullptr;
  };
  struct Unmap {
    std::size_t bytes;
    void operator()(void* memory) const;
  };

  Memory() = default;
  gonzo::Result<void> set_up(const Config& config);

  Pressure pressure_;
  std::unique_ptr<void, Unmap> bytes_{nullptr, Unmap{0}};
  std::unique_ptr<gonzo::FrameAllocator> frames_;
  std::unique_ptr<gonzo::MemoryManager> manager_;
  std::unique_ptr<gonzo::SwapSpace> swap_;
  std::unique_ptr<gonzo::Reclaimer> reclaimer_;
  std::unique_ptr<gonzo::PageCache> files_;
};
