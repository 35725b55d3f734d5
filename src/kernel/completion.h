// Something that is awaited and happens once. Linux: struct completion.
#pragma once

#include <atomic>
#include <cstdint>

#include "kernel/host_futex.h"

namespace gonzo {

/// Thread-safe.
class Completion {
 public:
  void complete() {
    word_.store(1, std::memory_order_release);
    wake_all(&word_);
  }
  bool is_complete() const { return word_.load(std::memory_order_acquire) != 0; }
  void wait() {
    while (!is_complete()) wait_while(&word_, 0);
  }

 private:
  std::atomic<std::uint32_t> word_{0};
};

}  // namespace gonzo
