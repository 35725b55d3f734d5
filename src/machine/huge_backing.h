// Huge pages of the host's behind the arena.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace gonzo {

/// One huge page costs a ninth of what its 512 small ones do where free memory is at hand, spares
/// the TLB, and is mapped, protected and unmapped in guest processes as one entry or one batch.
/// Shared memory gets none by itself where shmem_enabled is "never", as it is by default;
/// MADV_COLLAPSE (Linux 6.1) makes them nevertheless.
///
/// Used by one thread.
class HugeBacking {
 public:
  static constexpr std::uint64_t kBytes = 2 << 20;

  /// Puts a huge page behind the aligned kBytes at `block`, of a shared mapping of a memfd; what
  /// was there stays. False: it did not, because the host refuses or it does not pay at present.
  bool back(std::byte* block);

  /// Whether the next back() will try.
  bool tries() const { return is_supported_ && skip_ == 0; }
  /// What one cost. In a virtual machine whose host has taken free memory back, whole blocks of it
  /// are dearer than the frames that lie about: then it pauses, longer each time.
  void learn(std::chrono::nanoseconds cost);

 private:
  static constexpr unsigned kFirstPause = 8;  // blocks
  static constexpr unsigned kLastPause = 256;

  bool is_supported_ = true;
  unsigned skip_ = 0;
  unsigned pause_ = kFirstPause;
};

}  // namespace gonzo
