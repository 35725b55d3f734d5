// One zone: the buddy allocator over a range of frames, and the virgin memory behind it.
// Linux: struct zone, __rmqueue_smallest, __free_one_page (mm/page_alloc.c).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "frame/descriptor.h"
#include "frame/watermarks.h"
#include <gonzo/base/lock.h>
#include <gonzo/frame/frame_allocator.h>

namespace gonzo {

/// A free block of 2^order frames, aligned to its size. Blocks are born from virgin memory as large
/// as alignment allows, are split in halves (the lower one is used first, so that consecutive
/// allocations lie side by side) and merge again with their other half as soon as it is free.
class Zone {
 public:
  struct Block {
    Pfn first;
    unsigned order;
    Contents contents;
  };
  /// What an allocation got. `grown_to` is set if virgin memory was opened up for it.
  struct Taken {
    std::size_t blocks = 0;
    Pfn grown_to = Pfn::none();
  };

  /// The zone is [start, end); frames before `first` are never given out. No descriptor is touched.
  Zone(std::span<Frame> frames, ZoneKind kind, Pfn start, Pfn first, Pfn end);

  ZoneKind kind() const { return kind_; }
  Pfn start() const { return start_; }
  Pfn end() const { return end_; }
  std::uint64_t managed() const { return end_.value - first_.value; }

  /// One block, if `keep` frames remain. It leaves in state kCached.
  Taken take(unsigned order, std::uint64_t keep, Block& out) GONZO_EXCLUDES(mutex_);
  /// As many blocks as make up `frames` frames, or fewer, smallest blocks first so that large ones
  /// stay whole; `keep` frames remain. `out` has room for `frames` blocks.
  Taken take_frames(std::size_t frames, std::uint64_t keep, std::span<Block> out)
      GONZO_EXCLUDES(mutex_);
  /// Takes back a block, or single frames.
  void give(const Block& block) GONZO_EXCLUDES(mutex_);
  void give(std::span<const Pfn> frames) GONZO_EXCLUDES(mutex_);

  /// All but the watermarks; `free` without what per-thread lists hold.
  ZoneStats stats() const GONZO_EXCLUDES(mutex_);
  /// Marks each free frame's byte in `seen`, which is indexed by PFN; returns what is wrong, or "".
  /// `seen` reaches to used_end() of the highest zone in use at least. Memory that was never used
  /// is looked at in debug builds only.
  std::string verify(std::span<std::uint8_t> seen) const GONZO_EXCLUDES(mutex_);
  /// No frame from here on was ever given out.
  Pfn used_end() const GONZO_EXCLUDES(mutex_);

 private:
  static constexpr unsigned kOrders = kMaxOrder + 1;

  void link(std::uint32_t pfn, unsigned order, Contents contents) GONZO_REQUIRES(mutex_);
  void unlink(std::uint32_t pfn, unsigned order) GONZO_REQUIRES(mutex_);
  /// Opens up virgin memory until a block of at least `order` is on a list; false: none left.
  bool grow(unsigned order) GONZO_REQUIRES(mutex_);
  /// Removes a block of order `from` from its list and cuts it down to `to`.
  Block detach(unsigned from, unsigned to) GONZO_REQUIRES(mutex_);
  void merge(Pfn first, unsigned order, Contents contents) GONZO_REQUIRES(mutex_);
  std::string verify_virgin() const GONZO_REQUIRES(mutex_);
  std::string verify_block(std::uint32_t pfn, unsigned order, std::uint32_t prev,
                           std::span<std::uint8_t> seen) const GONZO_REQUIRES(mutex_);

  const std::span<Frame> frames_;
  const ZoneKind kind_;
  const Pfn start_, first_, end_;

  mutable Mutex mutex_;
  std::uint32_t virgin_ GONZO_GUARDED_BY(mutex_);         ///< from here to end_: never given out
  std::uint64_t free_ GONZO_GUARDED_BY(mutex_);           ///< frames on the lists, and virgin ones
  std::uint32_t non_empty_ GONZO_GUARDED_BY(mutex_) = 0;  ///< bit n: the list of order n is not
  std::array<std::uint32_t, kOrders> heads_ GONZO_GUARDED_BY(mutex_);
  std::array<std::uint64_t, kOrders> counts_ GONZO_GUARDED_BY(mutex_){};
};

}  // namespace gonzo
