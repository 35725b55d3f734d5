// Physical memory: zones, the buddy allocator and the per-thread lists in front of it.
// Linux: mm/page_alloc.c. Makes no host system call; the memory is handed in.
//
// Single frames come from and go to a list of the calling thread, last freed first used. Larger
// blocks, and whole batches of single frames, come from the zones' buddy lists, and those from
// memory that was never used ("virgin") when they have nothing that fits: from there frames come in
// ascending order and are known to be zero. Frame 0 is reserved, as on Linux: no data ever lies at
// physical address 0, and a frame number that was forgotten to be set stands out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <gonzo/base/address.h>
#include <gonzo/base/check.h>
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
  /// Every zone that an allocation could use is below its low watermark. Called with no lock held,
  /// at about each 32nd allocation while that lasts; returns soon (Linux: wakeup_kswapd).
  virtual void note_shortage() {}
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
  /// Binding only if there is a PressureHandler; without one the last frame can be allocated.
  std::uint64_t watermark_min = 0, watermark_low = 0, watermark_high = 0;
  std::array<std::uint64_t, kMaxOrder + 1> free_blocks{};  ///< on the buddy lists, by order
  std::uint64_t virgin = 0;
};

struct FrameStats {
  /// Frames. kFree includes virgin and cached ones (their own elements are 0), so that this sums to
  /// `total`; kReserved includes those before Config::first.
  std::array<std::uint64_t, kFrameStates> by_state{};
  std::uint64_t total = 0, free = 0;
  /// Most frames that were ever not free: exact with one thread, else up to a batch (32) a thread
  /// off.
  std::uint64_t peak_used = 0;
};

class FrameAllocator {
 public:
  struct Config {
    std::span<std::byte> memory;  ///< the direct map: page aligned, a multiple of the page size,
                                  ///< outlives this; must read as zeros at construction
    ZoneLayout layout = ZoneLayout::kWide;
    PressureHandler* pressure = nullptr;
    GrowthListener* growth = nullptr;
    /// Frames before it are reserved (Linux: the first megabyte, reserve_real_mode). At least 1,
    /// below 16 MiB.
    Pfn first = Pfn(1);
  };

  /// Touches neither `memory` nor, but for the first page, the descriptors. ENOMEM when the
  /// descriptors cannot be had; EINVAL when `memory` is unaligned, not below 16 TiB, or ends before
  /// Config::first.
  static Result<std::unique_ptr<FrameAllocator>> create(const Config& config);
  ~FrameAllocator();
  FrameAllocator(const FrameAllocator&) = delete;
  FrameAllocator& operator=(const FrameAllocator&) = delete;

  /// One block of 2^order frames, aligned to its size, refs of its first frame = 1 (Linux:
  /// alloc_pages). Highest zone first, then lower ones (kKernel, kSlab and kPageTable: not from
  /// HighMem, as with Linux's GFP_KERNEL). Thread-safe. `state` is any from kAnonymous on; all
  /// other fields of the descriptor are zero. With kZeroed the bytes are zero, else anything.
  /// ENOMEM: there is no such block, and no PressureHandler, or it gave up, or it was asked 16
  /// times. Where there is one, a zone's last frames are for kKernel, kSlab and kPageTable: other
  /// states leave watermark_min free, and more of a zone below the highest (Linux: lowmem_reserve).
  Result<Pfn> allocate(unsigned order, FrameState state, ZeroPolicy zero);
  /// The same block as 2^order single frames, each with refs = 1, freed one by one (Linux:
  /// split_page).
  Result<Pfn> allocate_split(unsigned order, FrameState state, ZeroPolicy zero);
  /// Frees a block of `allocate`; the order must be the same, the caller's reference the last, and
  /// no entry may map it. Aborts on a double free, a wrong order, other references; debug builds
  /// also when a frame that was written to after it was freed is allocated again. Thread-safe.
  void free(Pfn first, unsigned order);

  /// Another reference on an allocated frame, or on a block by its first frame. The caller has one,
  /// or a lock that keeps one from being dropped (Linux: get_page).
  void get(Pfn pfn) {
    [[maybe_unused]] const std::int32_t before =
        frame(pfn).refs.fetch_add(1, std::memory_order_relaxed);
    GONZO_ASSERT(before > 0);
  }
  /// Drops one; the last frees the frame, or the whole block. True when that happened (Linux:
  /// put_page).
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
  /// Fails the Nth allocation from now on (1 = the next), once, with ENOMEM and without asking the
  /// PressureHandler; 0 turns it off. For tests.
  void fail_nth(std::uint64_t n);
  /// Walks all descriptors and lists; an empty string, or what is wrong. Needs no concurrent use.
  std::string verify();
  /// Drains, then: every frame free (but the first, reserved ones) and everything merged? An empty
  /// string, or what is left, for a leak report. Needs no concurrent use.
  std::string check_all_free();

 private:
  class Impl;
  FrameAllocator(std::unique_ptr<Impl> impl, std::span<std::byte> memory);

  std::unique_ptr<Impl> impl_;
  Frame* frames_ = nullptr;
  std::uint64_t frame_count_ = 0;
  std::span<std::byte> memory_;
};

}  // namespace gonzo
