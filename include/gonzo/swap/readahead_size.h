// How many pages one swap-in should bring. Linux: __swapin_nr_pages (mm/swap_state.c).
#pragma once

#include <atomic>
#include <cstdint>

namespace gonzo {

/// Grows with the pages that were read ahead and then used, shrinks by half at a time when they
/// are not. For one swap area, or one VMA. Thread-safe without locks: a race makes a guess worse.
class SwapReadaheadSize {
 public:
  /// Linux: vm.page-cluster = 3.
  static constexpr unsigned kMost = 8;

  /// A power of two up to kMost; 1: only the page itself. `position` is its slot, or its page
  /// number: being next to the one before is the first sign of a sequence.
  unsigned next(std::uint64_t position);
  /// A page that was read ahead is used.
  void note_hit() { hits_.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> last_position_{0};
  std::atomic<unsigned> hits_{4};  ///< as at boot: begin hopefully
  std::atomic<unsigned> last_size_{0};
};

}  // namespace gonzo
