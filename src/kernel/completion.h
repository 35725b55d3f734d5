// Something that is awaited and happens once. Linux: struct completion.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>

namespace gonzo {

/// Thread-safe.
class Completion {
 public:
  void complete() {
    word_.store(1, std::memory_order_release);
    syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  }
  bool is_complete() const { return word_.load(std::memory_order_acquire) != 0; }
  void wait() {
    while (!is_complete()) syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
  }

 private:
  std::atomic<std::uint32_t> word_{0};
};

}  // namespace gonzo
