// The area that find returned last: faults and copies come in runs. Linux 2.6: mmap_cache; Windows:
// the VAD tree's hint.
#pragma once

#include <atomic>

#include <gonzo/vma/vma.h>

namespace gonzo {

/// Readers race on it, hence atomic; any value is right, for it is checked before use.
class FoundHint {
 public:
  /// The remembered area, if it holds `address`.
  Vma* look(VirtAddr address) const {
    Vma* const seen = area_.load(std::memory_order_relaxed);
    return seen != nullptr && seen->range().contains(address) ? seen : nullptr;
  }
  void remember(Vma* vma) { area_.store(vma, std::memory_order_relaxed); }
  void forget(const Vma& vma) {
    if (area_.load(std::memory_order_relaxed) == &vma) remember(nullptr);
  }

 private:
  std::atomic<Vma*> area_{nullptr};
};

}  // namespace gonzo
