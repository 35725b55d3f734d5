// Makes room ahead of need, on a thread of its own. Linux: kswapd (mm/vmscan.c).
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <thread>

#include <gonzo/base/lock.h>
#include <gonzo/mm/reclaimer.h>

namespace gonzo {

/// Thread-safe. The thread starts with the first wake() and blocks all signals.
class Kswapd {
 public:
  /// The reclaimer outlives it.
  explicit Kswapd(Reclaimer& reclaimer) : reclaimer_(reclaimer) {}
  ~Kswapd();
  Kswapd(const Kswapd&) = delete;
  Kswapd& operator=(const Kswapd&) = delete;

  /// Less than the low watermark is left. Returns at once; with any lock of mm/ and above held.
  void wake();

 private:
  void serve() GONZO_EXCLUDES(lock_);

  Reclaimer& reclaimer_;
  std::atomic<bool> wanted_{false};
  Mutex lock_;  ///< a leaf
  std::condition_variable_any changed_;
  bool stopping_ GONZO_GUARDED_BY(lock_) = false;
  std::thread thread_ GONZO_GUARDED_BY(lock_);
};

}  // namespace gonzo
