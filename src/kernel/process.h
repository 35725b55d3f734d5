// A process: what its threads share. Linux: the shared halves of task_struct (mm, files, signal).
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/completion.h"
#include "kernel/cpu_limit.h"
#include "kernel/cpu_time.h"
#include "kernel/credentials.h"
#include "kernel/exit_status.h"
#include "kernel/file_table.h"
#include "kernel/inheritance.h"
#include "kernel/interval_timer.h"
#include "kernel/pending_signals.h"
#include "kernel/posix_timer.h"
#include "kernel/process_file.h"
#include "kernel/process_memory.h"
#include "kernel/program_abi.h"
#include "kernel/resource_limit.h"
#include "kernel/signal_actions.h"
#include "kernel/signal_file.h"
#include "kernel/system.h"
#include <gonzo/base/function_ref.h>
#include <gonzo/machine/machine.h>
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// Set by exec. Linux: mm->exe_file, comm, saved_auxv.
struct ProgramImage {
  ProgramAbi abi = ProgramAbi::kX8664;
  std::string path;                 ///< absolute, symbolic links resolved: /proc/self/exe
  std::string name;                 ///< at most 15 bytes: comm
  std::vector<std::uint64_t> auxv;  ///< pairs, AT_NULL included
  /// Whatever it maps to read it may execute: an old i386 program (Linux: READ_IMPLIES_EXEC).
  bool read_implies_exec = false;
};

class Task;

/// Whether a child has the parent's own or a copy (CLONE_VM, CLONE_FILES, CLONE_SIGHAND).
enum class Sharing : bool { kCopy, kShare };
struct ProcessSharing {
  Sharing memory = Sharing::kCopy;
  Sharing files = Sharing::kCopy;
  Sharing actions = Sharing::kCopy;
};

/// Thread-safe where a function says so; the rest is for the process's own tasks.
class Process : public std::enable_shared_from_this<Process> {
 public:
  /// An empty address space on the system's machine. Tasks must be gone before their process.
  /// ENOMEM, EAGAIN.
  static Result<std::unique_ptr<Process>> create(System& system, int pid,
                                                 const Inheritance& inheritance = {});
  /// A child of this one, without tasks and not in the process table yet. ENOMEM, EAGAIN.
  Result<std::unique_ptr<Process>> fork(int pid, const ProcessSharing& sharing);
  ~Process();
  static void operator delete(Process* process, std::destroying_delete_t);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  System& system() { return system_; }
  int pid() const { return pid_; }
  /// Since the host started (CLOCK_BOOTTIME).
  std::chrono::nanoseconds started_at() const { return started_at_; }
  AddressSpace& memory() { return memory_->space(); }
  /// An empty address space with page tables in `format` in place of the present one. No task may
  /// have a thread on it. ENOMEM, EAGAIN: nothing changed.
  Result<void> renew_memory(PagingFormat format);
  MachineSpace& machine_space() { return memory_->machine(); }
  FileTable& files() { return *files_; }
  SignalActions& signals() { return *actions_; }
  /// Sent to the process as a whole. Thread-safe.
  PendingSignals& pending() { return pending_; }
  const ProgramImage& image() const { return *image_; }
  void set_image(ProgramImage image) GONZO_EXCLUDES(lock_);
  /// Thread-safe.
  ResourceLimits limits() const GONZO_EXCLUDES(limits_lock_);
  /// Thread-safe. `resource` is below kResourceLimits. Nothing is checked here.
  void set_limit(unsigned resource, const ResourceLimit& limit) GONZO_EXCLUDES(limits_lock_, lock_);
  /// Tells the address space, after a change of privileges.
  void update_memory_limits();
  AddressSpaceLimits memory_limits() const;

  /// For other processes' tasks; null once it has ended. Thread-safe.
  std::shared_ptr<ProcessMemory> memory_ref() const GONZO_EXCLUDES(lock_);
  std::shared_ptr<FileTable> files_ref() const GONZO_EXCLUDES(lock_);
  /// The same, never null.
  std::shared_ptr<const ProgramImage> image_ref() const GONZO_EXCLUDES(lock_);
  std::shared_ptr<SignalActions> actions_ref() const GONZO_EXCLUDES(lock_);
  /// What is known of the first thread once that has ended.
  struct Ended {
    std::string name;
    Credentials credentials;
  };
  Ended ended_leader() const GONZO_EXCLUDES(lock_);
  /// pidfds of this process and its threads.
  ProcessFiles& process_files() { return process_files_; }

  /// exec: from here on the process is in `memory`; descriptors and actions are its own. The old
  /// memory, for the caller to drop when nothing of it is used any more.
  std::shared_ptr<ProcessMemory> replace_memory(std::shared_ptr<ProcessMemory> memory)
      GONZO_EXCLUDES(lock_);
  /// vfork's child: told when it stops using its parent's memory. May be null.
  void set_vfork_end(std::shared_ptr<Completion> end) { vfork_end_ = std::move(end); }
  void end_vfork();
  /// The end: memory and descriptors are given back. No task runs any more.
  void release() GONZO_EXCLUDES(lock_);

  /// setitimer's. Once the process is in the process table.
  IntervalTimer& interval_timer(IntervalTimer::Kind kind) GONZO_EXCLUDES(lock_);
  /// RLIMIT_CPU counts from now on, if there is one. Once the process is in the process table.
  void start_cpu_limit() GONZO_EXCLUDES(limits_lock_, lock_);
  /// `used` may be past RLIMIT_CPU: the signal for that, or 0. The soft limit is then a second
  /// more.
  int exceed_cpu_limit(std::chrono::nanoseconds used) GONZO_EXCLUDES(limits_lock_, lock_);

  /// Of all its threads, those that ended too. Thread-safe.
  CpuTime cpu_time() const GONZO_EXCLUDES(lock_);
  /// signalfd's files of this process show what pends.
  SignalFiles& signal_files() { return signal_files_; }
  /// After signals were added (`arrived`) or taken.
  void signals_changed(SignalSet arrived = 0) GONZO_EXCLUDES(lock_);
  PosixTimers& posix_timers() { return posix_timers_; }

  // Threads (Linux: signal->thread_head, under siglock). All thread-safe.

  /// False: the process is ending, or exec is; the task will not be part of it.
  bool attach(Task& task) GONZO_EXCLUDES(lock_);
  bool is_last(const Task& task) const GONZO_EXCLUDES(lock_);
  enum class Detached : std::uint8_t { kNot, kOthersStay, kWasLast };
  Detached detach(Task& task) GONZO_EXCLUDES(lock_);
  void for_each_task(FunctionRef<void(Task&)> visit) const GONZO_EXCLUDES(lock_);
  std::size_t task_count() const GONZO_EXCLUDES(lock_);
  std::vector<int> task_ids() const GONZO_EXCLUDES(lock_);

  /// exit_group or a fatal signal: each task ends as soon as it can. The first status counts.
  /// Whether this was it.
  bool begin_exit(const ExitStatus& status) GONZO_EXCLUDES(lock_);
  std::optional<ExitStatus> group_exit() const GONZO_EXCLUDES(lock_);
  /// Of the whole: of begin_exit, or of its first thread.
  ExitStatus exit_status() const GONZO_EXCLUDES(lock_);
  /// exec: asks the others to end and waits until they have. False: the process is ending.
  bool end_other_tasks(Task& survivor) GONZO_EXCLUDES(lock_);
  /// Waits until `completion` is complete, or the process is to end. Called by `task`.
  void wait_killably(Task& task, Completion& completion) GONZO_EXCLUDES(lock_);

  /// A stop signal's default action, for the group of threads. False: it is stopped already.
  bool begin_stop(int signal) GONZO_EXCLUDES(lock_);
  /// SIGCONT. True: it was stopped.
  bool resume() GONZO_EXCLUDES(lock_);
  bool is_stopped() const { return stop_word_.load(std::memory_order_acquire) != 0; }
  /// Until it may go on; `stopped` is called once, by the last task that stops.
  void wait_while_stopped(FunctionRef<void(int signal)> stopped) GONZO_EXCLUDES(lock_);

  /// Makes one that can take `signal` look.
  void wake_for_signal(int signal) GONZO_EXCLUDES(lock_);

  std::atomic<bool> is_dumpable{true};  ///< PR_SET_DUMPABLE
  /// oom_score_adj: -1000, never, to 1000; and the least that it may be given without privilege
  /// (Linux: oom_score_adj_min).
  std::atomic<int> oom_adjustment{0}, least_oom_adjustment{0};

  /// What its first task starts with (nohup and its like).
  SignalSet initial_signal_mask() const { return initial_signal_mask_; }

 private:
  Process(System& system, int pid);
  /// Without anything. ENOMEM.
  static Result<std::unique_ptr<Process>> create_bare(System& system, int pid);
  void wake_all() GONZO_REQUIRES(lock_);
  void wake_stopped() GONZO_REQUIRES(lock_);

  System& system_;
  int pid_;
  const std::chrono::nanoseconds started_at_;
  std::shared_ptr<ProcessMemory> memory_;
  mutable SpinLock limits_lock_;
  ResourceLimits limits_ GONZO_GUARDED_BY(limits_lock_) = kDefaultLimits;
  std::shared_ptr<FileTable> files_;
  std::shared_ptr<SignalActions> actions_;
  PendingSignals pending_;
  std::shared_ptr<const ProgramImage> image_ = std::make_shared<ProgramImage>();
  SignalSet initial_signal_mask_ = 0;
  std::shared_ptr<Completion> vfork_end_;
  std::array<std::shared_ptr<IntervalTimer>, IntervalTimer::kKinds> interval_timers_;
  std::shared_ptr<CpuLimit> cpu_limit_;
  PosixTimers posix_timers_;
  SignalFiles signal_files_;
  ProcessFiles process_files_;

  mutable Mutex lock_;
  std::condition_variable_any tasks_changed_;
  std::vector<Task*> tasks_ GONZO_GUARDED_BY(lock_);
  std::optional<ExitStatus> group_exit_ GONZO_GUARDED_BY(lock_);
  ExitStatus leader_status_ GONZO_GUARDED_BY(lock_);
  Ended ended_leader_ GONZO_GUARDED_BY(lock_);
  CpuTime ended_time_ GONZO_GUARDED_BY(lock_);        ///< of threads that have ended
  Task* survivor_ GONZO_GUARDED_BY(lock_) = nullptr;  ///< of exec
  int stop_signal_ GONZO_GUARDED_BY(lock_) = 0;
  std::size_t stopped_tasks_ GONZO_GUARDED_BY(lock_) = 0;
  std::atomic<std::uint32_t> stop_word_{0};  ///< written under lock_; a futex
};

}  // namespace gonzo
