// How much to read around a missing page. Linux: do_sync_mmap_readahead, ondemand_readahead.
#pragma once

#include <cstdint>

namespace gonzo {

/// [first, end) in pages.
struct PageWindow {
  std::uint64_t first = 0, end = 0;
  std::uint64_t pages() const { return end - first; }
};

struct ReadAheadLimits {
  /// Around a fault that continues no stream (Linux: ra_pages, 128 KiB). A power of two.
  unsigned around_pages = 32;
  /// What the window of a sequential stream grows to, doubling. At most kMostPages.
  unsigned stream_pages = 256;

  static constexpr unsigned kMostPages = 256;
};

/// The state of one file; not thread-safe. Two differences from Linux on purpose: the window around
/// a random fault is aligned, not centred, so that windows tile the file and each can be one block
/// of physically contiguous frames, which the host maps as one; and a stream's window grows past
/// the first one's size, because nothing reads ahead in the background here.
class ReadAhead {
 public:
  explicit ReadAhead(ReadAheadLimits limits) : limits_(limits), window_(limits.around_pages) {}

  /// The window to read for a miss at `index` < `file_pages`; it holds `index`.
  PageWindow plan(std::uint64_t index, std::uint64_t file_pages) {
    PageWindow window;
    if (index == expected_ && index != 0) {
      window_ = window_ * 2 < limits_.stream_pages ? window_ * 2 : limits_.stream_pages;
      window = {index, index + window_};
    } else {
      window_ = limits_.around_pages;
      window.first = index & ~(std::uint64_t{limits_.around_pages} - 1);
      window.end = window.first + limits_.around_pages;
    }
    if (window.end > file_pages) window.end = file_pages;
    expected_ = window.end;
    return window;
  }

 private:
  ReadAheadLimits limits_;
  std::uint64_t window_;
  std::uint64_t expected_ = 0;  ///< where the next miss of a sequential reader will be
};

}  // namespace gonzo
