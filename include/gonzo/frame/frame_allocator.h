// Physical memory: zones, the buddy allocator and the per-thread lists in front of it.
// Linux: mm/page_alloc.c. Makes no host system call; the memory is handed in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <gonzo/base/address.h>
#include <gonzo/base/result.h>
#include <gonzo/frame/frame.h>

namespace gonzo {

inline constexpr unsigned kMaxOrder = 10;  ///< largest block: 2^10 frames, 4 MiB

/// Which zones exist depends on what the page-table format can address.
enum class ZoneLayout : std::uint8_t {
  kClassic,  ///< DMA below 16 MiB, Normal below 896 MiB, HighMem above (i386)
  kWide,     ///< DMA below 16 MiB, DMA32 below 4 GiB, Normal above (x86-64)
};
enum class ZoneKind : std::uint8_t { kDma, kDma32, kNormal, kHighMem };

enum class ZeroPolicy : std::uint8_t { kDontCare, kZeroed };

/// Called with no lock held when an allocation finds too little; true: something was freed, try
/// again.
class PressureHandler {
 public:
  virtual ~PressureHandler() = default;
  virtual bool make_room(std::size_t frames) = 0;
};

/// Told (outside locks) when never-used memory is about to be handed out, so that the host can back
/// it ahead.
class GrowthListener {
 public:
  virtual ~GrowthListener() = default;
  virtual void grown_to(Pfn virgin_start) = 0;
};

struct ZoneStats {
  ZoneKind kind;
  Pfn start;
  std::uint64_t spanned = 0;  ///< frames
  std::uint64_t free = 0;     ///< on buddy lists, per-thread lists or virgin
  std::uint64_t watermark_min = 0, watermark_low = 0, watermark_high = 0;
  std::array<std::uint64_t, kMaxOrder + 1> free_blocks{};  ///< on the buddy lists, by order
  std::uint64_t virgin = 0;
};

struct FrameStats {
  std::array<std::uint64_t, kFrameStates> by_state{};  ///< frames; kFree includes virgin and cached
  std::uint64_t total = 0, free = 0, peak_used = 0;
};

class FrameAllocator {
 public:
  struct Config {
    std::span<std::byte> memory;  ///< the direct map: page aligned, a multiple of the page size,
                                  ///< outlives this; must read as zeros at construction
    ZoneLayout layout = ZoneLayout::kWide;
    PressureHandler* pressure = nullptr;
    GrowthListener* growth = nullptr;
  };

  /// ENOMEM when the descriptors cannot be had; EINVAL when `memory` is unaligned, empty or over 16
  /// TiB.
  static Result<std::unique_ptr<FrameAllocator>> create(const Config& config);
  ~FrameAllocator();
  FrameAllocator(const FrameAllocator&) = delete;
  FrameAllocator& operator=(const FrameAllocator&) = delete;

  /// One block of 2^order frames, aligned to its size, refs of its first frame = 1 (Linux:
  /// alloc_pages). Highest zone first, then lower ones. ENOMEM when none is left after pressure.
  /// Thread-safe.
  Result<Pfn> allocate(unsigned order, FrameState state, ZeroPolicy zero);
  /// The same block as 2^order single frames, each with refs = 1, freed one by one (Linux:
  /// split_page).
  Result<Pfn> allocate_split(unsigned order, FrameState state, ZeroPolicy zero);
  /// Frees a block of `allocate`; the order must be the same. Debug builds abort on a double free,
  /// a wrong order, live references and (poison) on a write after free. Thread-safe.
  void free(Pfn first, unsigned order);

  /// Another reference on a single allocated frame (Linux: get_page).
  void get(Pfn pfn) { frame(pfn).refs.fetch_add(1, std::memory_order_relaxed); }
  /// Drops one; the last frees the frame (order 0). True when that happened (Linux: put_page).
  bool put(Pfn pfn);

  Frame& frame(Pfn pfn) { return frames_[pfn.value]; }
  const Frame& frame(Pfn pfn) const { return frames_[pfn.value]; }
  /// The frame's bytes in the direct map (Linux: page_address).
  std::byte* address(Pfn pfn) const { return memory_.data() + pfn.address().value; }
  std::byte* address(PhysAddr physical) const { return memory_.data() + physical.value; }
  bool contains(Pfn pfn) const { return pfn.value < frame_count_; }
  std::uint64_t frame_count() const { return frame_count_; }

  /// Returns every per-thread list to the buddy lists (Linux: drain_all_pages).
  void drain();
  FrameStats stats() const;
  std::span<const ZoneStats> zone_stats(std::span<ZoneStats, 3> out) const;
  /// Fails the Nth allocation from now on (1 = the next), once; 0 turns it off. For tests.
  void fail_nth(std::uint64_t n);
  /// Walks all descriptors and lists; an empty string, or what is wrong. Needs no concurrent use.
  std::string verify();
  /// After drain(): every frame free and every list fully merged? Else what is left, for a leak
  /// report.
  std::string check_all_free();

 private:
  class Impl;
  explicit FrameAllocator(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
  Frame* frames_ = nullptr;
  std::uint64_t frame_count_ = 0;
  std::span<std::byte> memory_;
};

}  // namespace gonzo
