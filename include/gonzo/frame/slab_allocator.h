// The kernel's small memory: kmalloc, and the caches of objects that go by a name. Linux:
// mm/slab_common.c.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/frame/slab_cache.h>

namespace gonzo {

/// All that it gives is physically contiguous and lies in the direct map: an object's kernel
/// address is KernelHalf::direct_map() + physical(). Thread-safe. What is given back by a wrong
/// address ends the run: see SlabCache.
class SlabAllocator {
 public:
  /// Above it, whole blocks (Linux: KMALLOC_MAX_CACHE_SIZE).
  static constexpr std::size_t kMostCached = 8192;
  static constexpr std::size_t kMost = kPageSize << kMaxOrder;

  /// `frames` outlives it.
  explicit SlabAllocator(FrameAllocator& frames);
  SlabAllocator(const SlabAllocator&) = delete;
  SlabAllocator& operator=(const SlabAllocator&) = delete;

  /// At least that much, in the smallest cache that has it: 8, 16, 32, 64, 96, 128, 192, 256, 512
  /// bytes, 1, 2, 4, 8 KiB; powers of two are aligned to their size. EINVAL: 0 bytes. ENOMEM: no
  /// block, or more than kMost (Linux: kmalloc, kzalloc).
  Result<std::byte*> allocate(std::size_t bytes, ZeroPolicy zero = ZeroPolicy::kDontCare);
  /// What allocate() gave, or null (Linux: kfree).
  void free(std::byte* memory);
  /// How much of it may be used (Linux: ksize).
  std::size_t size_of(const std::byte* memory) const;
  /// Where it lies (Linux: virt_to_phys); back: FrameAllocator::address().
  PhysAddr physical(const void* memory) const;

  /// A cache of its own, which stays to the end.
  SlabCache& add_cache(const SlabCache::Config& config) GONZO_EXCLUDES(lock_);
  /// SlabCache::shrink of all; how many frames.
  std::size_t shrink() GONZO_EXCLUDES(lock_);

  /// Frames (Linux: NR_SLAB_RECLAIMABLE_B, NR_SLAB_UNRECLAIMABLE_B, where large blocks count too).
  struct Totals {
    std::uint64_t reclaimable = 0, unreclaimable = 0;
    std::uint64_t all() const { return reclaimable + unreclaimable; }
  };
  Totals totals() const GONZO_EXCLUDES(lock_);
  /// /proc/slabinfo, version 2.1; the newest cache first.
  std::string info_text() const GONZO_EXCLUDES(lock_);
  /// Empty, or what is wrong. Needs no concurrent use.
  std::string verify() const GONZO_EXCLUDES(lock_);

 private:
  static constexpr std::size_t kSizes = 13;

  SlabCache& cache_for(std::size_t bytes) const;
  /// Oldest first. Whoever has a pointer keeps it: caches only come.
  std::vector<SlabCache*> all() const GONZO_EXCLUDES(lock_);

  FrameAllocator& frames_;
  std::array<SlabCache*, kSizes> sizes_{};
  std::atomic<std::uint64_t> large_frames_{0};
  mutable Mutex lock_;  ///< a leaf
  std::vector<std::unique_ptr<SlabCache>> caches_ GONZO_GUARDED_BY(lock_);
};

}  // namespace gonzo
