// What a process used. Linux: struct task_io_accounting's and signal_struct's sums.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace gonzo {

struct Usage {
  std::chrono::nanoseconds user{0}, system{0};
  std::uint64_t peak_rss_pages = 0;
  std::uint64_t minor_faults = 0, major_faults = 0;

  /// Of several processes: the largest peak, the sum of the rest.
  void add(const Usage& other) {
    user += other.user;
    system += other.system;
    peak_rss_pages = std::max(peak_rss_pages, other.peak_rss_pages);
    minor_faults += other.minor_faults;
    major_faults += other.major_faults;
  }
};

}  // namespace gonzo
