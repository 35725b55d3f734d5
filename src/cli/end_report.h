// What is said at the end of processes: of the first, how it died and what was asked for.
#pragma once

#include <optional>

#include "cli/options.h"
#include "cli/stats.h"
#include "kernel/exit_status.h"
#include "kernel/task_threads.h"
#include "syscall/trace.h"
#include <gonzo/base/lock.h>

namespace gonzo {

class EndReport final : public ProcessObserver {
 public:
  /// Both outlive it; `trace` may be null.
  EndReport(const RunOptions& options, const Trace* trace) : options_(options), trace_(trace) {}

  void is_killed(Task& task, const SignalInfo& info) override GONZO_EXCLUDES(lock_);
  void ends(Task& last) override GONZO_EXCLUDES(lock_);
  // When all have ended.
  /// Of the first process.
  ExitStatus status() const GONZO_EXCLUDES(lock_);
  bool is_consistent() const GONZO_EXCLUDES(lock_);
  RunStats& stats() { return stats_; }

 private:
  /// Where the first process was when a signal ended it.
  struct Death {
    std::uint64_t address = 0, instruction = 0;
  };

  void first_ends(Task& last) GONZO_REQUIRES(lock_);
  void report_death(int signal) const GONZO_REQUIRES(lock_);

  const RunOptions& options_;
  const Trace* trace_;
  mutable Mutex lock_;
  ExitStatus status_ GONZO_GUARDED_BY(lock_);
  RunStats stats_;
  std::optional<Death> death_ GONZO_GUARDED_BY(lock_);
  bool is_consistent_ GONZO_GUARDED_BY(lock_) = true;
};

}  // namespace gonzo
