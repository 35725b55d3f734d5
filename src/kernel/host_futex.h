// Waiting for a word of the runner's own to change. Linux: futex(2), private.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>

namespace gonzo {

/// Whoever waits for `word`. It may be gone already: the host bears that.
inline void wake_all(std::atomic<std::uint32_t>* word) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

/// Until `word` is not `value`, or anything else wakes it: the caller looks again.
inline void wait_while(std::atomic<std::uint32_t>* word, std::uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

}  // namespace gonzo
