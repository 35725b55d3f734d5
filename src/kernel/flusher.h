// Dirty pages of files go back to them: when there are many, and when they are old.
// Linux: fs/fs-writeback.c, mm/page-writeback.c (balance_dirty_pages).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "kernel/kernel_thread.h"
#include <gonzo/base/result.h>
#include <gonzo/cache/page_cache.h>
#include <gonzo/mm/memory_manager.h>

namespace gonzo {

/// Thread-safe. The thread starts with the first page that is dirty.
class Flusher final : public DirtyPageHandler, private KernelThread {
 public:
  /// Linux's defaults (/proc/sys/vm/dirty_*), in percent of the memory that could be dirty.
  struct Limits {
    unsigned background_percent = 10;
    unsigned percent = 20;
    std::chrono::milliseconds interval{5000};
    std::chrono::milliseconds expire{30000};
  };

  /// Both outlive it.
  Flusher(MemoryManager& memory, PageCache& cache, const Limits& limits)
      : memory_(memory), cache_(cache), limits_(limits) {}
  ~Flusher() override;

  /// Wakes the thread above the lower limit; above the upper one the caller writes, too.
  void page_dirtied(std::uint64_t dirty) override GONZO_EXCLUDES(lock_);
  /// sync(2), as far as pages of files in memory go: all of them, to their files. The first error.
  Result<void> write_all();

 private:
  using Clock = std::chrono::steady_clock;

  /// Frames that are free or hold files: what may become dirty (Linux: global_dirtyable_memory).
  std::uint64_t dirtyable() const;
  void serve() override GONZO_EXCLUDES(lock_);
  /// Files of the host's disks whose oldest dirty page is older than `before`; none: all. The first
  /// error.
  Result<void> write_files(std::optional<Clock::time_point> before);

  MemoryManager& memory_;
  PageCache& cache_;
  const Limits limits_;
  std::atomic<bool> wanted_{false};
};

}  // namespace gonzo
