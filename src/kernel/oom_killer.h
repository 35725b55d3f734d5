// Ends a process when nothing else frees memory. Linux: mm/oom_kill.c.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "kernel/process.h"
#include <gonzo/base/lock.h>
#include <gonzo/mm/memory_manager.h>

namespace gonzo {

/// What an OOM killer sees of a process, in pages but for `page_tables` (bytes).
struct OomCandidate {
  std::shared_ptr<Process> process;
  std::shared_ptr<ProcessMemory> memory;
  std::uint64_t total = 0, rss_anon = 0, rss_file = 0, rss_shmem = 0, swap = 0;
  std::uint64_t page_tables = 0;
  int adjustment = 0;  ///< oom_score_adj

  /// None: it has ended.
  static std::optional<OomCandidate> of(const std::shared_ptr<Process>& process);
  std::uint64_t rss() const { return rss_anon + rss_file + rss_shmem; }
  /// Pages that its end would free, moved by the adjustment; none: never to be chosen (Linux:
  /// oom_badness). `total_pages`: the machine's memory and swap.
  std::optional<std::int64_t> badness(std::uint64_t total_pages) const;
};

/// Thread-safe. The first process is no exception: it is a container's init, not the machine's.
class OomKiller final : public OutOfMemoryHandler {
 public:
  /// The system outlives it.
  explicit OomKiller(System& system) : system_(system) {}

  /// Kills the worst, unless one that was killed before is still going; then waits for a moment.
  /// The calling thread has found nothing; what has gone since it called last may have been why.
  /// False: `owner` itself is to go, or there is nobody to kill.
  bool out_of_memory(int owner) override GONZO_EXCLUDES(lock_);
  /// Linux: oom_kill in /proc/vmstat.
  std::uint64_t kills() const { return kills_.load(std::memory_order_relaxed); }
  /// The machine's memory and swap, in pages.
  std::uint64_t total_pages();

 private:
  bool is_going() GONZO_REQUIRES(lock_);
  std::optional<OomCandidate> choose() GONZO_REQUIRES(lock_);
  void kill(Process& invoker, const OomCandidate& victim) GONZO_REQUIRES(lock_);
  void report(Process& invoker, const OomCandidate& victim) GONZO_REQUIRES(lock_);

  System& system_;
  Mutex lock_;
  /// AddressSpace::id() of who was killed last; none once that has gone.
  std::optional<std::uint64_t> going_ GONZO_GUARDED_BY(lock_);
  std::uint64_t gone_ GONZO_GUARDED_BY(lock_) = 0;  ///< how many have
  std::chrono::steady_clock::time_point killed_at_ GONZO_GUARDED_BY(lock_);
  std::atomic<std::uint64_t> kills_{0};
};

}  // namespace gonzo
