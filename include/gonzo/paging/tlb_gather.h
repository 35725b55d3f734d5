// Collects what an operation tears down: translations die first, then frames are freed.
// Linux: struct mmu_gather (include/asm-generic/tlb.h); OSv: tlb_gather.
#pragma once

#include <array>
#include <cstddef>

#include <gonzo/base/address.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/paging/translation_cache.h>

namespace gonzo {

class TlbGather {
 public:
  TlbGather(FrameAllocator& frames, TranslationCache& cache) : frames_(frames), cache_(cache) {}
  ~TlbGather() { flush(); }
  TlbGather(const TlbGather&) = delete;
  TlbGather& operator=(const TlbGather&) = delete;

  /// The translation of this page changed. Widens the range that the next flush announces.
  void touch(AddressRange range, Stricter what);
  /// Drops one reference of the frame, after the next flush. Flushes by itself when the batch is
  /// full.
  void release(Pfn pfn);
  void flush();

 private:
  FrameAllocator& frames_;
  TranslationCache& cache_;
  AddressRange range_{};
  Stricter what_ = Stricter::kOther;
  std::size_t count_ = 0;
  std::array<Pfn, 512> batch_;
};

}  // namespace gonzo
