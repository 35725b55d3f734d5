// What a swap device counts of its reads and writes.
#pragma once

#include <atomic>
#include <cstdint>

#include <gonzo/base/result.h>
#include <gonzo/swap/swap_device.h>

namespace gonzo {

/// Pages. Thread-safe.
class TransferCounts {
 public:
  void count_read(std::uint64_t pages, const Result<void>& result) {
    (result ? reads_ : read_errors_).fetch_add(pages, std::memory_order_relaxed);
  }
  void count_write(std::uint64_t pages, const Result<void>& result) {
    (result ? writes_ : write_errors_).fetch_add(pages, std::memory_order_relaxed);
  }
  void report(SwapDeviceStats& stats) const {
    stats.reads = reads_.load(std::memory_order_relaxed);
    stats.writes = writes_.load(std::memory_order_relaxed);
    stats.read_errors = read_errors_.load(std::memory_order_relaxed);
    stats.write_errors = write_errors_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> reads_{0}, writes_{0}, read_errors_{0}, write_errors_{0};
};

}  // namespace gonzo
