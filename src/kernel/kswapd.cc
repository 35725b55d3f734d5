#include "kernel/kswapd.h"

#include <algorithm>
#include <chrono>

namespace gonzo {

Kswapd::~Kswapd() { stop(); }

void Kswapd::wake() {
  if (wanted_.exchange(true, std::memory_order_relaxed)) return;
  const LockGuard guard(lock_);
  start();
  changed_.notify_all();
}

/// After a run in vain the next waits, ever longer: those who need memory reclaim for themselves
/// then (Linux: kswapd_failures).
void Kswapd::serve() {
  using namespace std::chrono_literals;
  constexpr auto kShortest = 10ms, kLongest = 1280ms;
  auto pause = kShortest;
  LockGuard guard(lock_);
  while (!stopping_) {
    if (!wanted_.load(std::memory_order_relaxed)) {
      changed_.wait(lock_);
      continue;
    }
    lock_.unlock();
    const std::size_t freed = reclaimer_.balance();
    lock_.lock();
    if (freed != 0) {
      pause = kShortest;
    } else if (!stopping_) {
      changed_.wait_for(lock_, pause);
      pause = std::min(pause * 2, std::chrono::milliseconds(kLongest));
    }
    wanted_.store(false, std::memory_order_relaxed);
  }
}

}  // namespace gonzo
