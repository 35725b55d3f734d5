// The parts of the frame allocator and how they are put together.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "frame/thread_lists.h"
#include "frame/watermarks.h"
#include "frame/zone.h"
#include <gonzo/frame/frame_allocator.h>

namespace gonzo {

/// Locks: a ThreadLists' spin lock and a Zone's mutex are never held together, and neither is held
/// while handlers are called.
class FrameAllocator::Impl {
 public:
  struct FreeDeleter {
    void operator()(Frame* frames) const { std::free(frames); }
  };
  using Descriptors = std::unique_ptr<Frame[], FreeDeleter>;
  /// How many of a zone's last frames stay (Linux: ALLOC_WMARK_LOW, _MIN, ALLOC_NO_WATERMARKS).
  enum class Reserve : std::uint8_t { kPlenty, kKeep, kUse };
  /// What becomes of a block: one thing, or as many as it has frames.
  enum class Shape : std::uint8_t { kBlock, kSingles };

  Impl(const Config& config, Descriptors frames);

  Result<Pfn> allocate(unsigned order, FrameState state, ZeroPolicy zero, Shape shape);
  void free(Pfn first, unsigned order);
  bool put(Pfn pfn);
  void drain();

  FrameStats stats() const;
  std::span<const ZoneStats> zone_stats(std::span<ZoneStats, kMaxZones> out) const;
  void fail_nth(std::uint64_t n) { fail_in_.store(n, std::memory_order_relaxed); }
  std::string verify() const;
  std::string check_all_free();

  Frame* frames() const { return frames_.get(); }

 private:
  /// More threads than this share lists.
  static constexpr std::size_t kThreadLists = 32;
  /// Linux: MAX_RECLAIM_RETRIES.
  static constexpr int kPressureRetries = 16;

  struct Grant {
    Pfn first = Pfn::none();
    Contents contents = Contents::kUnknown;
  };

  void add_zone(ZoneKind kind, std::uint64_t start, std::uint64_t end);
  std::size_t zone_of(Pfn pfn) const;
  /// Zones [0, n) may serve this state.
  std::size_t zones_for(FrameState state) const;
  /// Frames that an allocation whose best zone is `best` leaves free in `zone`.
  std::uint64_t kept(std::size_t zone, std::size_t best, Reserve reserve) const;
  ThreadLists& own_lists();
  bool should_fail();

  /// From the lists and zones as they are; none when there is too little.
  Grant take(unsigned order, FrameState state);
  Grant take(unsigned order, FrameState state, Reserve reserve);
  /// A single frame, and some more into the empty list.
  Grant take_batch(ThreadLists& lists, std::size_t zone, std::uint64_t keep, FrameState state);
  Grant take_block(ThreadLists& lists, std::size_t zone, unsigned order, std::uint64_t keep,
                   FrameState state);
  /// Gathers what lies in lists and asks for room, until there is enough or no hope.
  Grant take_under_pressure(unsigned order, FrameState state);
  void hand_out(Pfn first, unsigned order, FrameState state, Shape shape);
  /// Frees an allocated block whose references are gone.
  void release(Pfn first, unsigned order);
  void release_single(Pfn pfn, FrameState was);
  void note_peak(ThreadLists& lists) const;
  void announce(Pfn grown_to) const;

  std::string verify_lists(std::span<std::uint8_t> seen) const;
  std::string verify_used(std::span<const std::uint8_t> seen) const;

  Frame& frame(Pfn pfn) const { return frames_[pfn.value]; }
  std::byte* page(Pfn pfn) const { return config_.memory.data() + pfn.address().value; }

  const Config config_;
  const std::uint32_t frame_count_;
  const Descriptors frames_;
  std::array<std::optional<Zone>, kMaxZones> zones_;  ///< lowest first
  std::array<Watermarks, kMaxZones> watermarks_{};
  std::array<Pfn, kMaxZones> zone_starts_{};
  std::size_t zone_count_ = 0, lowmem_zones_ = 0;
  const std::unique_ptr<ThreadLists[]> lists_;
  std::atomic<std::size_t> lists_used_{0};  ///< those from here on were never used
  mutable std::atomic<std::int64_t> peak_used_{0};
  std::atomic<std::uint64_t> fail_in_{0};
};

}  // namespace gonzo
