// Collects what an operation tears down: translations die first, then frames are freed.
// Linux: struct mmu_gather (include/asm-generic/tlb.h); OSv: tlb_gather.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <gonzo/base/address.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/paging/translation_cache.h>

namespace gonzo {

/// For each entry in turn: change the entry, touch its page, release its frame. A flush may happen
/// inside touch and release; it announces what was touched so far and forgets it, so neither touch
/// a range ahead of the changes nor release a frame ahead of its touch. Used by one thread, with
/// the address space's lock held.
class TlbGather {
 public:
  /// What lies between two touched ranges that are near each other.
  enum class Gaps : unsigned char {
    kBridged,  ///< may die with them: a single range is announced
    kSpared,   ///< keeps its translations: for pages picked here and there
  };

  TlbGather(FrameAllocator& frames, TranslationCache& cache, Gaps gaps = Gaps::kBridged)
      : frames_(frames), cache_(cache), gaps_(gaps) {}
  ~TlbGather() { flush(); }
  TlbGather(const TlbGather&) = delete;
  TlbGather& operator=(const TlbGather&) = delete;

  /// The translations of this range changed. Widens the range that the next flush announces, over
  /// small gaps; a far-away range flushes first what came before. Different kinds of change merge
  /// into kGone: forgetting a translation satisfies every demand on it.
  void touch(AddressRange range, Stricter what) {
    if (range.empty()) return;
    if (range_.empty()) {
      range_ = range;
      what_ = what;
      return;
    }
    if (gaps_ == Gaps::kSpared ? !is_next(range) : is_far(range)) {
      if (gaps_ == Gaps::kBridged || spared_ == kMostSpared) {
        flush();
        what_ = what;
      } else {
        spare();
      }
      range_ = range;
    }
    range_ = {std::min(range_.start, range.start), std::max(range_.end, range.end)};
    if (what_ != what) what_ = Stricter::kGone;
  }
  /// Drops one reference of the frame, after the next flush. Flushes by itself when the batch is
  /// full.
  void release(Pfn pfn) {
    if (count_ == batch_.size()) flush();
    batch_[count_++] = pfn.value;
  }
  void flush();

 private:
  /// A gap this wide may hold pages worth more than one more flush: one last-level table's worth.
  static constexpr std::uint64_t kWidestGap = 512 * kPageSize;

  bool is_far(AddressRange range) const {
    return (range.start > range_.end && range.start - range_.end > kWidestGap) ||
           (range_.start > range.end && range_.start - range.end > kWidestGap);
  }

  bool is_next(AddressRange range) const {
    return range.start <= range_.end && range.end >= range_.start;
  }
  void spare() { earlier_[spared_++] = {range_.start.value, range_.end.value}; }

  struct Earlier {  // an AddressRange that does not initialise itself
    std::uint64_t start, end;
  };
  static constexpr std::size_t kMostSpared = 31;

  FrameAllocator& frames_;
  TranslationCache& cache_;
  const Gaps gaps_;
  AddressRange range_{};
  Stricter what_ = Stricter::kOther;
  std::size_t spared_ = 0;
  std::array<Earlier, kMostSpared> earlier_;  ///< with gaps between them, range_ is the last
  std::size_t count_ = 0;
  std::array<std::uint32_t, 512> batch_;  ///< frame numbers; not Pfn, which would initialise itself
};

}  // namespace gonzo
