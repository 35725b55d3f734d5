// Objects of one size, many to a block of frames. Linux: mm/slub.c, struct kmem_cache.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>

namespace gonzo {

struct ObjectLayout;

/// Whether the objects hold what can be had again (Linux: SLAB_RECLAIM_ACCOUNT).
enum class SlabKind : std::uint8_t { kUnreclaimable, kReclaimable };

struct SlabStats {
  std::uint64_t active = 0;   ///< objects that somebody has
  std::uint64_t objects = 0;  ///< room for, with those
  std::uint64_t slabs = 0;
  std::uint64_t frames = 0;
};

/// A slab is a block from the buddy allocator, in the state kSlab, whose descriptors tell its
/// cache, its free objects and where it heads; the objects lie in it one behind the other. A thread
/// takes objects from, and gives them to, a list of its own, which exchanges batches with the
/// slabs; the last object back lets the slab go, but for a few that are kept.
///
/// Debug builds fill free objects, and check them when they are handed out; each object is followed
/// by a red zone, which is checked when it comes back. Where there is AddressSanitizer, both are
/// out of bounds as well. An object that is freed twice, into another cache, or by an address
/// inside it ends the run in all builds, except that release builds may take a second free for a
/// first one (Linux: slub_debug=FZP).
///
/// Thread-safe. Frames are asked for, and given back, with no lock held.
class SlabCache {
 public:
  struct Config {
    const char* name;  ///< static
    std::size_t bytes;
    std::size_t alignment = 8;  ///< a power of two, up to a page
    SlabKind kind = SlabKind::kUnreclaimable;
  };

  SlabCache(FrameAllocator& frames, const Config& config);
  /// All objects are back; slabs of those that are not stay, and show as frames that leaked.
  ~SlabCache();
  SlabCache(const SlabCache&) = delete;
  SlabCache& operator=(const SlabCache&) = delete;

  /// Config::bytes, in one piece physically. ENOMEM.
  Result<std::byte*> allocate(ZeroPolicy zero = ZeroPolicy::kDontCare);
  void free(void* object);
  /// Empties the threads' lists and gives back slabs without objects; how many frames (Linux:
  /// kmem_cache_shrink).
  std::size_t shrink();

  const char* name() const { return config_.name; }
  std::size_t object_bytes() const { return config_.bytes; }
  SlabKind kind() const { return config_.kind; }
  /// From one object to the next, red zone and all (Linux: kmem_cache::size).
  std::size_t stride() const;
  unsigned order() const { return order_; }
  unsigned objects_per_slab() const { return per_slab_; }
  SlabStats stats() const;
  /// The slabs with free objects against their descriptors; empty, or what is wrong. Needs no
  /// concurrent use.
  std::string verify() const;

  // For whoever knows an object's address alone.

  /// The block's first frame that `object` lies in, which is in the state kSlab.
  static Pfn slab_of(const FrameAllocator& frames, const void* object);
  /// Null: a block that is one object.
  static SlabCache* cache_of(const Frame& slab);

 private:
  /// Of one thread, or few: objects that were freed last and will be used next.
  struct alignas(64) ThreadList {
    static constexpr std::size_t kCapacity = 32;  ///< of large objects fewer: list_capacity_
    SpinLock lock;
    std::size_t size GONZO_GUARDED_BY(lock) = 0;
    std::array<std::byte*, kCapacity> objects GONZO_GUARDED_BY(lock);
  };
  static constexpr std::size_t kThreadLists = 32;  ///< more threads than that share them
  static constexpr std::size_t kMostBatch = ThreadList::kCapacity / 2;
  /// Slabs without objects that are kept (Linux: MIN_PARTIAL).
  static constexpr std::uint64_t kKeptEmpty = 5;
  ThreadList& own_list() const;
  Result<std::byte*> refill(ThreadList& list);
  Result<void> add_slab() GONZO_EXCLUDES(lock_);
  std::size_t take_free(std::span<std::byte*> out) GONZO_REQUIRES(lock_);
  std::size_t free_empty(std::uint64_t keep) GONZO_EXCLUDES(lock_);
  std::size_t give_back(std::span<std::byte* const> objects) GONZO_EXCLUDES(lock_);
  void give_back_one(std::byte* object) GONZO_REQUIRES(lock_);
  /// From the cache, without objects.
  void take_out(Pfn slab) GONZO_REQUIRES(lock_);
  void free_slab(Pfn slab);
  void link(Pfn slab) GONZO_REQUIRES(lock_);
  void unlink(Pfn slab) GONZO_REQUIRES(lock_);

  std::byte* object_at(Pfn slab, std::uint32_t index) const;
  std::uint32_t index_of(Pfn slab, const std::byte* object) const;
  /// Ends the run unless an object of this cache begins there.
  void check_belongs(const std::byte* object) const;
  std::string verify_slab(Pfn slab) const GONZO_REQUIRES(lock_);

  FrameAllocator& frames_;
  const Config config_;
  const std::unique_ptr<const ObjectLayout> layout_;
  const unsigned order_;
  const unsigned per_slab_;
  /// About a page's worth: ended threads' lists keep what is in them (Linux: set_cpu_partial).
  const std::size_t list_capacity_;
  const std::unique_ptr<ThreadList[]> lists_;
  mutable SpinLock lock_;  ///< slabs' descriptors; never together with a ThreadList's
  std::uint32_t partial_ GONZO_GUARDED_BY(lock_) = Pfn::kNoneValue;  ///< slabs with free objects
  std::uint64_t slabs_ GONZO_GUARDED_BY(lock_) = 0;
  std::uint64_t empty_ GONZO_GUARDED_BY(lock_) = 0;  ///< of these, without objects
  std::uint64_t free_ GONZO_GUARDED_BY(lock_) = 0;   ///< objects in slabs
};

}  // namespace gonzo
