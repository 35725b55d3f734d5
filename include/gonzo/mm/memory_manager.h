// What all address spaces of one machine share: frames, the zero pages, policy knobs, system-wide
// counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include <gonzo/base/address.h>
#include <gonzo/base/function_ref.h>
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/cache/object_registry.h>
#include <gonzo/frame/commit_ledger.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/frame/stall_clock.h>
#include <gonzo/mm/page_mapping.h>
#include <gonzo/mm/reclaimer.h>

namespace gonzo {

class AddressSpace;
class MappedObject;
class SlabCache;
struct TracedPage;

/// Who frees memory by ending a process.
class OutOfMemoryHandler {
 public:
  virtual ~OutOfMemoryHandler() = default;
  /// Nothing more could be reclaimed for process `owner` (AddressSpace::Config). True: something
  /// has ended, or is about to, and another try is worth while. False: `owner` itself has to go
  /// without. Called with no lock held; may wait for a moment. Thread-safe (Linux: out_of_memory).
  virtual bool out_of_memory(int owner) = 0;
};

/// Who sees to it that pages of files do not stay dirty.
class DirtyPageHandler {
 public:
  virtual ~DirtyPageHandler() = default;
  /// A program has made pages of a file dirty; `dirty`: how many are so now. Called with no lock
  /// held; may write some (Linux: balance_dirty_pages). Thread-safe.
  virtual void page_dirtied(std::uint64_t dirty) = 0;
};

class MemoryManager {
 public:
  struct Config {
    /// Frames that one fault on untouched anonymous memory brings, a power of two up to 512: an
    /// aligned block, cut at the area's edges. 1 is Linux with 4 KiB folios only; 16 is Linux with
    /// 64 KiB mTHP always. A read maps at most kMaxZeroPages of them, to zero pages.
    unsigned anonymous_fault_around = 1;
    /// Pages around a file read fault that are mapped when they are already in the cache
    /// (Linux: fault_around_bytes / PAGE_SIZE, 16).
    unsigned file_fault_around = 16;
    /// What these become while each fault follows on the last one's, doubling; up to 512. Linux has
    /// no such thing.
    unsigned file_stream_around = 16;
    /// Areas an address space may have (Linux: vm.max_map_count).
    std::uint64_t max_map_count = 65530;
    /// Pages kept free below a stack (Linux: stack_guard_gap).
    std::uint64_t stack_guard_gap = 256;
    /// Lowest address that a mapping may have (Linux: vm.mmap_min_addr).
    std::uint64_t mmap_min_addr = 65536;
    /// Linux: vm.overcommit_memory.
    Overcommit overcommit = Overcommit::kHeuristic;
    /// Percent of memory that Overcommit::kNever promises (Linux: vm.overcommit_ratio).
    unsigned commit_ratio = 50;
    /// Torture: pages are evicted before each Nth fault, however much memory is free. 0: never.
    unsigned evict_every = 0;
    /// Where areas and address spaces come from, of objects for a Vma and for an AddressSpace; they
    /// outlive the manager. Null: the host's heap (Linux: vm_area_cachep, mm_cachep).
    SlabCache* area_cache = nullptr;
    SlabCache* space_cache = nullptr;
  };

  static constexpr unsigned kMaxZeroPages = 16;

  /// Allocates the zero pages. ENOMEM.
  static Result<std::unique_ptr<MemoryManager>> create(FrameAllocator& frames,
                                                       const Config& config);
  ~MemoryManager();
  MemoryManager(const MemoryManager&) = delete;
  MemoryManager& operator=(const MemoryManager&) = delete;

  FrameAllocator& frames() { return frames_; }
  const Config& config() const { return config_; }
  /// What all address spaces and shared memory objects were promised.
  CommitLedger& commitments() { return commitments_; }
  /// For how long tasks were held up because memory was short.
  StallClock& stalls() { return stalls_; }
  /// A frame of zeros that any number of entries may map read-only. Neighbouring addresses get
  /// neighbouring frames, so that a machine can map a run of them at once (Linux: ZERO_PAGE, of
  /// which MIPS has several, by address too). Never freed or counted by entries.
  Pfn zero_page(VirtAddr address) const {
    return zero_pages_ + (address.page_number() & (zero_page_count_ - 1));
  }
  bool is_zero_page(Pfn pfn) const {
    return pfn.value >= zero_pages_.value && pfn.value - zero_pages_.value < zero_page_count_;
  }
  /// A power of two.
  unsigned zero_page_count() const { return zero_page_count_; }
  /// For the /dev/zero that backs a shared anonymous mapping (Linux: get_next_ino on shm_mnt).
  /// Thread-safe.
  std::uint64_t next_shared_inode() {
    return next_shared_inode_.fetch_add(1, std::memory_order_relaxed);
  }

  // An object's pages went: out of every address space with them (mm/unmap_object.cc, Linux:
  // unmap_mapping_range). Not under the lock of an address space. Thread-safe.

  /// From `first_page` on, private copies included: it was truncated.
  void unmap_object(const MappedObject& object, std::uint64_t first_page)
      GONZO_EXCLUDES(spaces_lock_);
  /// Pages [first, end) became a hole: private copies stay.
  void unmap_hole(const MappedObject& object, std::uint64_t first, std::uint64_t end)
      GONZO_EXCLUDES(spaces_lock_);
  /// For AddressSpace: from its making to its end. `parent`: the id() of the one that it is a copy
  /// of, 0 for none.
  struct Enlisted {
    std::uint64_t id, root;  ///< root: of the first that it is a copy of, itself if it is none
  };
  Enlisted enlist(AddressSpace& space, std::uint64_t parent) GONZO_EXCLUDES(spaces_lock_);
  void strike(AddressSpace& space) GONZO_EXCLUDES(spaces_lock_);
  /// Has the address space of this id() not ended yet, frames and all? Thread-safe.
  bool is_enlisted(std::uint64_t id) const GONZO_EXCLUDES(spaces_lock_);

  // Reverse mapping: mm/family.cc.

  static constexpr std::size_t kMostTraced = 32;
  /// Which of the pages were used since they were asked for last; forgotten by this (Linux:
  /// folio_referenced). At most kMostTraced. Thread-safe.
  void harvest_references(std::span<TracedPage> pages) GONZO_EXCLUDES(spaces_lock_);
  /// Takes the pages out of all entries that map them, which name the slot from now on, and puts
  /// them into the swap cache, if they are not there. Those that can be: not the locked and the
  /// pinned. Each page that has got there has a reference of the caller's (Linux: try_to_unmap).
  /// Thread-safe.
  void unmap_to_swap(std::span<TracedPage> pages) GONZO_EXCLUDES(spaces_lock_);
  /// Takes pages that are kLazyFree out of all entries that map them, as above: those with
  /// `entries` have a reference of the caller's. Thread-safe.
  void unmap_lazily_freed(std::span<TracedPage> pages) GONZO_EXCLUDES(spaces_lock_);
  /// Takes pages of objects out of all entries that map them, but for locked areas'; the objects
  /// hear which were written to. `entries`: how many it were. Thread-safe.
  void unmap_pages(std::span<TracedPage> pages) GONZO_EXCLUDES(spaces_lock_);
  /// Makes all entries of pages [first, end) of the object read-only and clean; it has heard which
  /// were dirty when this returns (Linux: folio_mkclean). Thread-safe.
  void clean_pages(MappedObject& object, std::uint64_t first, std::uint64_t end)
      GONZO_EXCLUDES(spaces_lock_);
  /// Entries that map a frame, `most` of them, for people: nothing holds the frame meanwhile
  /// (Linux: rmap_walk). Thread-safe.
  std::vector<PageMapping> mappings_of(Pfn pfn, std::size_t most) GONZO_EXCLUDES(spaces_lock_);
  /// Objects whose pages can leave memory.
  ObjectRegistry& objects() { return objects_; }

  // Room: there is none to make without a reclaimer.

  /// Before the first address space, or after the last (null). Its swap has all its areas by now.
  void serve(Reclaimer* reclaimer);
  /// Null when nobody serves.
  Reclaimer* reclaimer() const { return reclaimer_; }
  /// Null when there is no swap.
  SwapSpace* swap() const { return swap_; }
  /// Reads a slot whose read is the caller's into a frame of the caller's, and with it, into the
  /// swap cache, neighbours that are worth it. Blocks. Errors of the device (Linux:
  /// swapin_readahead; mm/swap_readahead.cc).
  Result<void> read_swap(SwapSlot slot, Pfn pfn);
  /// An anonymous frame has become a page of a program.
  void note_arrival(Pfn pfn, Shadow returning = {}) {
    if (swap_ != nullptr) reclaimer_->added(pfn, returning);
  }
  /// An anonymous frame has become kLazyFree, or is no more.
  void note_new_kind(Pfn pfn) {
    if (reclaimer_ != nullptr) reclaimer_->added(pfn);
  }
  /// Likewise. Null: nobody; whoever finds no frame goes without.
  void set_out_of_memory_handler(OutOfMemoryHandler* handler) { out_of_memory_ = handler; }
  /// Likewise. Null: nobody.
  void set_dirty_page_handler(DirtyPageHandler* handler) { dirty_pages_ = handler; }
  /// After a write to shared memory, with no lock held.
  void balance_dirty_pages() {
    const std::uint64_t dirty = objects_.dirty_pages();
    if (dirty_pages_ != nullptr && dirty >= dirty_threshold_.load(std::memory_order_relaxed)) {
      dirty_pages_->page_dirtied(dirty);
    }
  }
  /// With fewer pages than this the handler is not told.
  void set_dirty_threshold(std::uint64_t pages) { dirty_threshold_ = pages; }
  /// For who found no frame for process `owner`, for the `tries`-th time in a row, from 0 on. With
  /// no address space's lock held. True: it is worth another try.
  bool make_room(int owner, unsigned tries);
  /// For who answers a program's fault, before he does: takes pages, if it is this one's turn
  /// (Config::evict_every). With no lock held.
  void evict_for_torture();

 private:
  MemoryManager(FrameAllocator& frames, const Config& config, Pfn zero_pages,
                unsigned zero_page_count);

  FrameAllocator& frames_;
  Config config_;
  CommitLedger commitments_;
  StallClock stalls_;
  Pfn zero_pages_;  ///< the first
  unsigned zero_page_count_;
  std::atomic<std::uint64_t> next_shared_inode_{1};
  /// An address space, or one that has ended but has copies: they may hold pages that were its own.
  struct Kin {
    AddressSpace* space = nullptr;
    std::uint64_t parent = 0, root = 0;
    std::vector<std::uint64_t> children;
  };
  /// `visit` those that may map a page of `origin`'s, itself first, until it returns false.
  void for_each_heir(std::uint64_t origin, FunctionRef<bool(AddressSpace&)> visit)
      GONZO_REQUIRES(spaces_lock_);
  void forget_kin(std::uint64_t id) GONZO_REQUIRES(spaces_lock_);
  /// `visit` with the pages that may be mapped there, until all of them are done.
  void trace(std::span<TracedPage> pages, FunctionRef<bool(const TracedPage&)> is_done,
             FunctionRef<void(AddressSpace&, MappedObject*, std::span<TracedPage* const>)> visit)
      GONZO_EXCLUDES(spaces_lock_);
  void for_each_mapper(const TracedPage& any, FunctionRef<bool(AddressSpace&)> visit,
                       ObjectRef& object) GONZO_REQUIRES(spaces_lock_);
  bool is_unmapped(const TracedPage& page) const;
  void unmap_anonymous(std::span<TracedPage> pages,
                       void (AddressSpace::*unmap)(std::span<TracedPage* const>))
      GONZO_EXCLUDES(spaces_lock_);
  std::size_t start_readahead(SwapSlot slot, std::span<SwapSlot> slots, std::span<Pfn> frames);

  Reclaimer* reclaimer_ = nullptr;
  SwapSpace* swap_ = nullptr;
  OutOfMemoryHandler* out_of_memory_ = nullptr;
  DirtyPageHandler* dirty_pages_ = nullptr;
  std::atomic<std::uint64_t> dirty_threshold_{1};
  ObjectRegistry objects_;
  std::atomic<unsigned> faults_{0};  ///< for evict_every
  mutable Mutex spaces_lock_;        ///< before each address space's
  std::unordered_map<std::uint64_t, Kin> kin_ GONZO_GUARDED_BY(spaces_lock_);
  std::uint64_t last_id_ GONZO_GUARDED_BY(spaces_lock_) = 0;
};

}  // namespace gonzo
