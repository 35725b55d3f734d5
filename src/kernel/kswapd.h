// Makes room ahead of need, on a thread of its own. Linux: kswapd (mm/vmscan.c).
#pragma once

#include <atomic>

#include "kernel/kernel_thread.h"
#include <gonzo/mm/reclaimer.h>

namespace gonzo {

/// Thread-safe. The thread starts with the first wake().
class Kswapd final : private KernelThread {
 public:
  /// The reclaimer outlives it.
  explicit Kswapd(Reclaimer& reclaimer) : reclaimer_(reclaimer) {}
  ~Kswapd();

  /// Less than the low watermark is left. Returns at once; with any lock of mm/ and above held.
  void wake();

 private:
  void serve() override GONZO_EXCLUDES(lock_);

  Reclaimer& reclaimer_;
  std::atomic<bool> wanted_{false};
};

}  // namespace gonzo
