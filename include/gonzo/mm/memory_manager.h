// What all address spaces of one machine share: frames, the zero page, policy knobs, system-wide
// counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <gonzo/base/address.h>
#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>

namespace gonzo {

class MemoryManager {
 public:
  struct Config {
    /// Frames that one fault on untouched anonymous memory brings, a power of two up to 512: an
    /// aligned block, cut at the area's edges. 1 is Linux with 4 KiB folios only; 16 is Linux with
    /// 64 KiB mTHP always.
    unsigned anonymous_fault_around = 1;
    /// Pages around a file read fault that are mapped when they are already in the cache
    /// (Linux: fault_around_bytes / PAGE_SIZE, 16).
    unsigned file_fault_around = 16;
    /// Areas an address space may have (Linux: vm.max_map_count).
    std::uint64_t max_map_count = 65530;
    /// Pages kept free below a stack (Linux: stack_guard_gap).
    std::uint64_t stack_guard_gap = 256;
    /// Lowest address that a mapping may have (Linux: vm.mmap_min_addr).
    std::uint64_t mmap_min_addr = 65536;
  };

  /// Allocates the zero page. ENOMEM.
  static Result<std::unique_ptr<MemoryManager>> create(FrameAllocator& frames,
                                                       const Config& config);
  ~MemoryManager();
  MemoryManager(const MemoryManager&) = delete;
  MemoryManager& operator=(const MemoryManager&) = delete;

  FrameAllocator& frames() { return frames_; }
  const Config& config() const { return config_; }
  /// Never freed or counted by entries; its reference belongs to this.
  Pfn zero_page() const { return zero_page_; }
  /// For the /dev/zero that backs a shared anonymous mapping (Linux: get_next_ino on shm_mnt).
  /// Thread-safe.
  std::uint64_t next_shared_inode() {
    return next_shared_inode_.fetch_add(1, std::memory_order_relaxed);
  }

 private:
  MemoryManager(FrameAllocator& frames, const Config& config, Pfn zero_page);

  FrameAllocator& frames_;
  Config config_;
  Pfn zero_page_;
  std::atomic<std::uint64_t> next_shared_inode_{1};
};

}  // namespace gonzo
