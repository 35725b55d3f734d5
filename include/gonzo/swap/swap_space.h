// All swap of a machine: who uses which slot, and which slots' pages are in memory too.
// Linux: swap_info[] and swap_map (mm/swapfile.c), the swap cache (mm/swap_state.c).
//
// A slot's life:
//
//   free --allocate--> used, not cached --insert--> used, cached --erase--> used, not cached
//    ^                      |    ^                        |
//    |                      |    '-- look_up_or_start, finish_read (being read in between)
//    '--- last free() ------'    '---- last free(): count 0, cached --erase, erase_unused--> free
//
// Swap-out: allocate, insert, duplicate for each entry that will name the slot, write_out, free the
// count that allocate gave, erase. Swap-in: look_up_or_start; if started, a frame, read_in,
// finish_read; then free for each entry that does not name the slot any more.
//
// A page that was read stays in the cache, and its slot, whose count may be 0, is its copy on the
// device: it leaves again by claim, duplicate for each entry, free, erase, with nothing written.
// Such a slot is idle: it is given back when somebody needs one.
//
// Thread-safe. A slot's state is guarded by the spin lock of its cluster of 256 slots; none of the
// functions calls the frame allocator's PressureHandler, and only those that say so block.
// A slot costs 12 bytes, from the first use of its cluster on.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/swap/readahead_size.h>
#include <gonzo/swap/swap_device.h>
#include <gonzo/swap/swap_slot.h>

namespace gonzo {

class SwapArea;

class SwapSpace {
 public:
  /// What has become of a slot.
  enum class SlotState : std::uint8_t {
    kUsed,    ///< its count is above 0
    kCached,  ///< its count is 0, but it is in the cache or being read
    kFree,
  };
  struct Lookup {
    enum class Kind : std::uint8_t {
      kCached,   ///< `pfn`, with a reference of the caller's
      kStarted,  ///< the caller reads it now, and calls finish_read
    };
    Kind kind = Kind::kCached;
    Pfn pfn;
    std::uint64_t shadow = 0;  ///< kStarted: what the slot remembered; 0: nothing
  };
  struct Transfer {
    std::size_t pages = 0;  ///< the leading ones, that were transferred
    Result<void> result;    ///< why the next one was not
  };
  struct Area {
    unsigned type = 0;
    std::string name;
    std::string kind;
    int priority = 0;
    std::uint64_t slots = 0, used = 0;  ///< used: also those that only the cache holds
    SwapDeviceStats device;
  };
  struct Totals {
    std::uint64_t slots = 0, free = 0;       ///< SwapTotal, SwapFree in /proc/meminfo, in pages
    std::uint64_t cached = 0;                ///< SwapCached
    std::uint64_t read = 0, written = 0;     ///< pswpin, pswpout in /proc/vmstat
    std::uint64_t read_ahead = 0, hits = 0;  ///< swap_ra, swap_ra_hit
  };

  /// `frames` outlives this.
  explicit SwapSpace(FrameAllocator& frames);
  /// Frames in the cache lose the cache's reference. No read is under way.
  ~SwapSpace();
  SwapSpace(const SwapSpace&) = delete;
  SwapSpace& operator=(const SwapSpace&) = delete;

  // --- areas ---

  /// Linux: swapon(2). The device's slots are used before those of a lower priority, and in turn
  /// with those of the same. No priority: a lower one than all before, from -2 on. The type that
  /// slots of it have. EINVAL (no slots), ENOMEM, EPERM (31 devices).
  Result<unsigned> add(std::unique_ptr<SwapDevice> device, std::optional<int> priority = {});
  /// Linux: the end of swapoff(2). EBUSY, with nothing changed: slots are in use. EINVAL: no such
  /// area. Nobody else may use a slot of that type meanwhile.
  Result<std::unique_ptr<SwapDevice>> remove(unsigned type);
  /// Any at all? Cheap.
  bool has_areas() const { return area_count_.load(std::memory_order_relaxed) != 0; }
  /// Is any slot free, or idle? Without a lock: may be old at once.
  bool has_free() const;
  /// Is more than half of it in use? Then copies are not worth their slots. Without a lock (Linux:
  /// vm_swap_full).
  bool is_half_full() const;
  /// By type.
  std::vector<Area> areas() const;
  Totals totals() const;
  /// The text of /proc/swaps.
  std::string swaps_text() const;

  // --- slots ---

  /// One slot, its count 1, not cached. A thread's slots follow each other while they can (Linux:
  /// folio_alloc_swap and its percpu cluster). ENOSPC.
  Result<SwapSlot> allocate();
  /// As many as there are, up to the size of `out`; ENOSPC: none. Consecutive where possible.
  Result<std::size_t> allocate(std::span<SwapSlot> out);
  /// Count + `n` (Linux: swap_duplicate). The caller knows that the slot is not free: it has a
  /// count of its own, a lock that keeps one there, or a reference on the cached frame while nobody
  /// erases it.
  void duplicate(SwapSlot slot, std::uint32_t n = 1);
  /// Count - `n` of the caller's (Linux: swap_free). At 0 the slot is free if it is not cached (the
  /// device discards it, which may block); else the caller may want to erase_unused. Takes
  /// no frames.
  SlotState free(SwapSlot slot, std::uint32_t n = 1);
  /// free() of who has nothing else to do with the page: a frame that only the cache holds goes too
  /// (Linux: free_swap_and_cache).
  void forget(SwapSlot slot);
  /// Gives idle slots back, until `wanted` are free or none is left. May block (Linux:
  /// swap_reclaim_full_clusters).
  void make_room(std::size_t wanted);
  /// 0 as well for what is no slot at all.
  std::uint32_t count(SwapSlot slot) const;

  // --- the swap cache ---

  /// Puts `pfn` there, with a reference of the cache's own; whatever shadow there was is gone. The
  /// frame is kUnwritten until write_out has succeeded.
  /// EEXIST: a frame is there, or being read. The slot is not free.
  Result<void> insert(SwapSlot slot, Pfn pfn);
  /// With a reference of the caller's. Does not wait for a read.
  std::optional<Pfn> find(SwapSlot slot) const;
  /// Is a frame there, or being read? Without a reference: may be old at once.
  bool is_cached(SwapSlot slot) const;
  /// If `pfn` is what is there: takes it out, drops the cache's reference (the caller has another),
  /// keeps `shadow` in its place, and frees the slot if its count is 0. False: it was not.
  bool erase(SwapSlot slot, Pfn pfn, std::uint64_t shadow = 0);
  /// The same, but only if the count is 0 (Linux: folio_free_swap).
  bool erase_unused(SwapSlot slot, Pfn pfn);
  /// The same for who knows the frame alone. False: it is not in the cache, or somebody needs the
  /// slot.
  bool release(Pfn pfn);
  /// The slot of a frame that is in the cache: it stays there for now, for its count is one more,
  /// and the frame has a reference, both the caller's. `pfn` may be anything.
  std::optional<SwapSlot> claim(Pfn pfn);
  /// For a swap-in. Waits while another thread reads the slot. ENOENT: the slot is free, so the
  /// entry that named it has changed.
  Result<Lookup> look_up_or_start(SwapSlot slot);
  /// Starts a read without waiting: read-ahead. False: cached, being read, or unused.
  bool try_start(SwapSlot slot);
  /// Ends a read of the caller's. The frame, with a reference of the cache's own, is put into the
  /// cache, unless nobody needs the slot any more: then it is freed. With an error the slot is as
  /// it was, and those that waited try for themselves. True: it is in the cache.
  bool finish_read(SwapSlot slot, Result<Pfn> result);
  /// A word below 2^62 for a slot that is not cached: when its page left memory (Linux: workingset
  /// shadow entries). Gone when the slot is freed or cached. No effect on one that is cached.
  void set_shadow(SwapSlot slot, std::uint64_t shadow);
  /// 0: none.
  std::uint64_t shadow(SwapSlot slot) const;

  // --- the devices ---

  /// Frames into slots, which the caller has counts of; blocks. Consecutive slots go in one call.
  /// Where that fails, page by page, so that `Transfer::pages` is as large as can be. The caller
  /// has references on the frames, and keeps them from changing or writes them again.
  /// Those that were written are not kUnwritten any more.
  Transfer write_out(std::span<const SwapSlot> slots, std::span<const Pfn> frames);
  /// Slots, whose reads are the caller's, into frames; blocks.
  Transfer read_in(std::span<const SwapSlot> slots, std::span<const Pfn> frames);
  Result<void> read_in(SwapSlot slot, Pfn frame) {
    return read_in(std::span(&slot, 1), std::span(&frame, 1)).result;
  }
  /// Slots near `slot` (not itself) that are worth reading with it: in the same aligned window, in
  /// use, not cached (Linux: swap_cluster_readahead). How many is decided by what became of those
  /// before. None from devices that are as quick as memory.
  std::span<SwapSlot> readahead_window(SwapSlot slot,
                                       std::span<SwapSlot, SwapReadaheadSize::kMost> out);
  /// Does what the device has of the page take memory of the machine? May be old at once.
  bool is_in_memory(SwapSlot slot) const;
  /// To be called at the first use of a page that was read ahead.
  void note_readahead_hit(SwapSlot slot);

  /// Counts, lists and the cache against each other; an empty string, or what is wrong. Needs no
  /// concurrent use.
  std::string verify() const;

 private:
  /// Where a thread (or few) allocates. Linux: percpu_swap_cluster.
  struct alignas(64) Stream {
    SpinLock lock;
    SwapArea* area GONZO_GUARDED_BY(lock) = nullptr;
    std::uint32_t cluster GONZO_GUARDED_BY(lock) = 0;
  };
  static constexpr std::size_t kStreams = 16;
  static constexpr std::size_t kWaitQueues = 16;

  SwapArea& area(SwapSlot slot) const;
  SwapArea* find_area(SwapSlot slot) const;
  /// Where a frame says that it is cached, if there is such a place.
  std::optional<SwapSlot> noted_slot(Pfn pfn) const;
  std::size_t allocate_from(Stream& stream, std::span<SwapSlot> out) GONZO_EXCLUDES(stream.lock);
  bool move_on(Stream& stream) GONZO_REQUIRES(stream.lock);
  std::vector<SwapArea*> all_areas() const;
  /// Slots of all areas. Without a lock or memory: for the paths of faults and reclaim.
  struct Usage {
    std::uint64_t slots = 0, used = 0;
  };
  Usage usage() const;
  void enter(SwapArea& area) GONZO_EXCLUDES(order_lock_);
  void withdraw(const SwapArea& area) GONZO_EXCLUDES(order_lock_);
  template <typename Byte, typename Move>
  Transfer transfer(std::span<const SwapSlot> slots, std::span<const Pfn> frames, Move move);
  std::atomic<std::uint32_t>& wait_queue(SwapSlot slot);

  FrameAllocator& frames_;
  std::array<std::atomic<SwapArea*>, kMaxSwapDevices> areas_{};  ///< owned; read without a lock
  std::atomic<unsigned> area_count_{0};
  mutable Mutex change_lock_;  ///< adding, removing, reports
  int least_priority_ GONZO_GUARDED_BY(change_lock_) = -1;
  SpinLock order_lock_;
  std::array<SwapArea*, kMaxSwapDevices> order_ GONZO_GUARDED_BY(order_lock_){};
  std::size_t order_size_ GONZO_GUARDED_BY(order_lock_) = 0;
  std::array<Stream, kStreams> streams_;
  /// Finished reads, by slot: what look_up_or_start waits for (Linux: folio_wait_table).
  std::array<std::atomic<std::uint32_t>, kWaitQueues> reads_finished_{};
  std::atomic<std::uint64_t> read_{0}, written_{0}, read_ahead_{0}, hits_{0};
};

}  // namespace gonzo
