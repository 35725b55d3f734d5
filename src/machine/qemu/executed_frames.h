// Which frames a translator may have made code of.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <gonzo/base/address.h>

namespace gonzo {

/// Thread-safe.
class ExecutedFrames {
 public:
  explicit ExecutedFrames(std::uint64_t frames)
      : words_(std::make_unique<std::atomic<std::uint64_t>[]>((frames + 63) / 64)) {}

  bool contains(Pfn pfn) const {
    return (words_[pfn.value / 64].load(std::memory_order_relaxed) & bit(pfn)) != 0;
  }
  void add(Pfn pfn) {
    if (!contains(pfn)) words_[pfn.value / 64].fetch_or(bit(pfn), std::memory_order_relaxed);
  }

 private:
  static std::uint64_t bit(Pfn pfn) { return std::uint64_t{1} << (pfn.value % 64); }

  std::unique_ptr<std::atomic<std::uint64_t>[]> words_;
};

}  // namespace gonzo
