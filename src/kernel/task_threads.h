// One host thread for each guest thread.
#pragma once

#include <pthread.h>

#include <memory>
#include <vector>

#include "kernel/run_loop.h"
#include "kernel/task.h"
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>

namespace gonzo {

/// Told of the end of each process while its memory is still there.
class ProcessObserver {
 public:
  virtual ~ProcessObserver() = default;
  /// A signal's default action ends the process. On the host thread of the task that took it; the
  /// others may still run.
  virtual void is_killed(Task& /*task*/, const SignalInfo& /*info*/) {}
  /// No task runs any more. On the host thread of the last.
  virtual void ends(Task& last) = 0;
};

/// Working directory and umask of a thread: the host's own, which each host thread has by itself
/// once it asked for it (CLONE_FS).
enum class Directory : std::uint8_t {
  kShared,  ///< with the task that makes this one
  kOwn,     ///< a copy
};

class TaskThreads {
 public:
  TaskThreads() = default;
  TaskThreads(const TaskThreads&) = delete;
  TaskThreads& operator=(const TaskThreads&) = delete;

  /// What answers the tasks' calls; before the first start, for as long as tasks run. The calling
  /// thread is the one that tell_main() means. `observer` may be null.
  void prepare(SyscallHandler& syscalls, ProcessObserver* observer);
  SyscallHandler& syscalls() { return *syscalls_; }
  ProcessObserver* observer() { return observer_; }

  struct Start {
    std::shared_ptr<Task> task;
    Directory directory = Directory::kOwn;
    VirtAddr child_tid;  ///< CLONE_CHILD_SETTID: where; 0: nowhere
  };
  /// Runs the task until it has ended, with all that its end brings about. Call on the thread of
  /// the task that makes it. EAGAIN: the host refused a thread; nothing has happened.
  Result<void> start(Start start) GONZO_EXCLUDES(lock_);
  /// Wakes the main thread out of its wait for signals.
  void tell_main();
  std::size_t running() const GONZO_EXCLUDES(lock_);
  /// Frees the host's side of threads that have ended.
  void reap() GONZO_EXCLUDES(lock_);
  /// Of all tasks that have ended.
  RunCounters counters() const GONZO_EXCLUDES(lock_);

 private:
  struct Life;
  static void* run(void* life);
  void live(const Start& start) GONZO_EXCLUDES(lock_);

  SyscallHandler* syscalls_ = nullptr;
  ProcessObserver* observer_ = nullptr;
  pid_t main_thread_ = 0;
  mutable Mutex lock_;
  std::size_t running_ GONZO_GUARDED_BY(lock_) = 0;
  RunCounters counters_ GONZO_GUARDED_BY(lock_);
  std::vector<pthread_t> ended_ GONZO_GUARDED_BY(lock_);
};

}  // namespace gonzo
