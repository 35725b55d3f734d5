// The frames that one thread (or few) freed last and will use next, in front of the zones.
// Linux: struct per_cpu_pages.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <gonzo/base/lock.h>
#include <gonzo/frame/frame_allocator.h>

namespace gonzo {

inline constexpr std::size_t kMaxZones = 3;

/// Frames are taken from the end that they were put on, so that warm ones are used first; what does
/// not fit leaves from the other end. Also counts what its threads took and gave, so that counting
/// shares no cache line between them: a count is negative where a thread frees what others took.
class alignas(64) ThreadLists {
 public:
  static constexpr std::size_t kCapacity = 128;  ///< frames of each zone
  static constexpr std::size_t kRefill = 32;     ///< frames that an empty list is filled with
  static constexpr std::size_t kSpill = 64;      ///< frames that a full list gives up
  using Counts = std::array<std::int64_t, kFrameStates>;

  /// A frame, counted as used for `state`; none when the list is empty.
  Pfn pop(std::size_t zone, FrameState state) GONZO_EXCLUDES(lock_);
  /// Takes a frame that was in use as `was`. False, and nothing done, when the list is full.
  bool push(std::size_t zone, Pfn pfn, FrameState was) GONZO_EXCLUDES(lock_);
  /// Makes room: moves the oldest frames to `out`; returns how many.
  std::size_t spill(std::size_t zone, std::span<Pfn, kSpill> out) GONZO_EXCLUDES(lock_);
  /// Takes unused frames, the first of them to be popped first, of which the caller keeps the very
  /// first for `state`; returns how many did not fit: the last ones.
  std::size_t refill(std::size_t zone, std::span<const Pfn> frames, FrameState state)
      GONZO_EXCLUDES(lock_);
  /// Empties the list into `out`; returns how many.
  std::size_t drain(std::size_t zone, std::span<Pfn, kCapacity> out) GONZO_EXCLUDES(lock_);
  /// Frames taken (or given back, if negative) past the lists.
  void count(FrameState state, std::int64_t frames) GONZO_EXCLUDES(lock_);

  std::size_t size(std::size_t zone) const GONZO_EXCLUDES(lock_);
  /// What drain() would give, left in place.
  std::size_t copy(std::size_t zone, std::span<Pfn, kCapacity> out) const GONZO_EXCLUDES(lock_);
  Counts counts() const GONZO_EXCLUDES(lock_);
  /// Without a lock: may be a moment old.
  std::int64_t used() const { return used_.load(std::memory_order_relaxed); }
  /// The most that used() has been since the last call.
  std::int64_t reset_high() GONZO_EXCLUDES(lock_);

 private:
  struct List {
    std::size_t size = 0;
    std::array<std::uint32_t, kCapacity> frames;  ///< PFNs; not initialised: most are never used
  };

  void count_locked(FrameState state, std::int64_t frames) GONZO_REQUIRES(lock_);

  mutable SpinLock lock_;
  std::atomic<std::int64_t> used_{0};  ///< written under lock_
  std::int64_t high_ GONZO_GUARDED_BY(lock_) = 0;
  Counts counts_ GONZO_GUARDED_BY(lock_){};
  std::array<List, kMaxZones> lists_ GONZO_GUARDED_BY(lock_);
};

// Inline: this is each fault's path.

inline void ThreadLists::count_locked(FrameState state, std::int64_t frames) {
  counts_[std::to_underlying(state)] += frames;
  const std::int64_t used = used_.load(std::memory_order_relaxed) + frames;
  used_.store(used, std::memory_order_relaxed);
  high_ = std::max(high_, used);
}

inline Pfn ThreadLists::pop(std::size_t zone, FrameState state) {
  LockGuard lock(lock_);
  List& list = lists_[zone];
  if (list.size == 0) return Pfn::none();
  count_locked(state, 1);
  return Pfn(list.frames[--list.size]);
}

inline bool ThreadLists::push(std::size_t zone, Pfn pfn, FrameState was) {
  LockGuard lock(lock_);
  List& list = lists_[zone];
  if (list.size == kCapacity) return false;
  list.frames[list.size++] = pfn.value;
  count_locked(was, -1);
  return true;
}

}  // namespace gonzo
