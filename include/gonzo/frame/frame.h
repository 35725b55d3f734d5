// The descriptor of one page frame. Linux: struct page (include/linux/mm_types.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include <gonzo/base/address.h>

namespace gonzo {

/// What a frame is used for. docs/page-states.md draws the transitions.
enum class FrameState : std::uint8_t {
  kVirgin = 0,  ///< never used, its descriptor never written (Linux: deferred struct page)
  kFree,        ///< on a buddy free list (the block's first frame) or inside such a block
  kCached,      ///< on a per-thread list
  kAnonymous,
  kPageCache,  ///< file or shared memory
  kPageTable,
  kKernel,
  kVmalloc,   ///< kernel memory that is contiguous by its addresses alone; programs may map it
  kSlab,      ///< heads a block of equal objects, or lies inside one
  kReserved,  ///< the first frames; also for whoever keeps a frame for good (the zero page, a trap
              ///< stub)
};
inline constexpr int kFrameStates = 10;
/// "free", "anonymous", "page table" ...
std::string_view frame_state_name(FrameState state);

namespace frame_flags {
inline constexpr std::uint16_t kZeroed = 1 << 0;    ///< contents known to be zero while free
inline constexpr std::uint16_t kDirty = 1 << 1;     ///< page cache: differs from its file
inline constexpr std::uint16_t kUptodate = 1 << 2;  ///< page cache: contents are valid
inline constexpr std::uint16_t kMlocked = 1 << 3;
inline constexpr std::uint16_t kPoisoned = 1 << 4;  ///< free, and filled with poison (debug builds)
/// kPageCache: shared memory, whose only other place would be swap (Linux: PG_swapbacked).
inline constexpr std::uint16_t kSwapBacked = 1 << 5;
/// kPageCache, shared memory: somebody was given the page since it was last looked at.
inline constexpr std::uint16_t kReferenced = 1 << 6;
/// kAnonymous: read from swap before anybody asked for it. In the swap cache, not mapped (Linux:
/// PG_readahead).
inline constexpr std::uint16_t kReadAhead = 1 << 7;
/// kAnonymous: in the swap cache, of `swap_slot`; no entry is writable. Written by the cache alone
/// (Linux: PG_swapcache).
inline constexpr std::uint16_t kSwapCached = 1 << 8;
/// kSwapCached: the slot does not hold the same yet (Linux: PG_dirty).
inline constexpr std::uint16_t kUnwritten = 1 << 9;
/// kAnonymous: reclaim may drop it, for MADV_FREE said so and nobody has written since; no entry is
/// writable (Linux: !PG_swapbacked).
inline constexpr std::uint16_t kLazyFree = 1 << 10;
/// The machine has made sure that code in it is executed as it stands there; who changes the
/// contents past the processor clears it (Linux: PG_arch_1, as arm64 uses it).
inline constexpr std::uint16_t kCodeSeen = 1 << 11;
}  // namespace frame_flags

/// Zero-initialised memory is an array of valid, virgin descriptors: an idle machine never touches
/// them.
struct Frame {
  std::atomic<std::int32_t> refs;  ///< users; at zero the frame is free (Linux: _refcount)
  std::atomic<std::int32_t> maps;  ///< page-table entries that map it (Linux: _mapcount + 1)
  FrameState state;                ///< written by the allocator alone; read by who holds the frame
  std::uint8_t order;  ///< of the block that this frame heads, free or allocated; else 0xff
  std::atomic<std::uint16_t> flags;
  std::atomic<std::uint32_t> live_entries;  ///< kPageTable: entries that are not blank
  std::uint32_t prev, next;                 ///< list links by PFN: buddy list, later LRU
  union {
    void* mapping;            ///< kPageCache: its object
    std::uint64_t swap_slot;  ///< kSwapCached: packed
  };
  std::uint64_t index;         ///< page offset within `mapping`
  std::uint64_t private_data;  ///< see frame_owner.h

  bool has(std::uint16_t flag) const { return flags.load(std::memory_order_relaxed) & flag; }
  /// True: it was set.
  bool take(std::uint16_t flag) {
    return (flags.fetch_and(static_cast<std::uint16_t>(~flag), std::memory_order_acq_rel) & flag) !=
           0;
  }
  void set(std::uint16_t flag) { flags.fetch_or(flag, std::memory_order_relaxed); }
  void clear(std::uint16_t flag) {
    flags.fetch_and(static_cast<std::uint16_t>(~flag), std::memory_order_relaxed);
  }
};
static_assert(sizeof(Frame) <= 64);

}  // namespace gonzo
