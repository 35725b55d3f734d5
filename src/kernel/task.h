// A thread of a guest process. Linux: struct task_struct.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "kernel/cpu_time.h"
#include "kernel/exec.h"
#include "kernel/exit_status.h"
#include "kernel/pending_signals.h"
#include "kernel/process.h"
#include "kernel/signal_stack.h"
#include <gonzo/machine/machine.h>

namespace gonzo {

/// What the processor said about the last fault, for the signal frame (Linux: thread_struct's
/// trap_nr, error_code, cr2).
struct FaultRecord {
  std::uint64_t trap_number = 0, error_code = 0, address = 0;
};

/// The segment registers that each thread has for itself (Linux: thread_struct's fsbase, gsbase,
/// tls_array).
struct ThreadSegments {
  std::uint16_t fs = 0, gs = 0;
  std::uint64_t fs_base = 0, gs_base = 0;
  std::array<std::uint64_t, segment::kTlsEntries> tls{};

  static ThreadSegments of(const CpuRegisters& registers) {
    return {registers.fs, registers.gs, registers.fs_base, registers.gs_base, registers.tls};
  }
};

class Task {
 public:
  /// A thread on the process's machine that starts where exec said. EAGAIN, ENOMEM.
  static Result<std::unique_ptr<Task>> create(Process& process, int tid, const ExecResult& start);
  /// The same on `thread`, which may be null in tests that never run the task. ENOMEM.
  static Result<std::unique_ptr<Task>> create(Process& process, int tid,
                                              std::unique_ptr<MachineThread> thread);
  ~Task();
  static void operator delete(Task* task, std::destroying_delete_t);
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  Process& process() const { return process_; }
  /// In the process table: from here on the process lives as long as the task.
  void keep(std::shared_ptr<Process> process) { kept_ = std::move(process); }
  AddressSpace& memory() { return process_.memory(); }
  FileTable& files() { return process_.files(); }
  int tid() const { return tid_.load(std::memory_order_relaxed); }
  /// exec by another thread than the first: that one's number is taken over (Linux: de_thread).
  void take_tid(int tid) { tid_.store(tid, std::memory_order_relaxed); }
  MachineThread& thread() { return *thread_; }
  bool has_thread() const { return thread_ != nullptr; }
  CpuRegisters& registers() { return thread_->registers(); }
  /// As of the last trap. Thread-safe.
  ThreadSegments segments() const GONZO_EXCLUDES(segments_lock_) {
    const LockGuard guard(segments_lock_);
    return segments_;
  }
  /// After each trap: what others may see of the registers.
  void note_segments() GONZO_EXCLUDES(segments_lock_) {
    const LockGuard guard(segments_lock_);
    segments_ = ThreadSegments::of(thread_->registers());
  }
  /// exec: the task goes on in another address space. The old thread, whose space it must not
  /// outlive.
  std::unique_ptr<MachineThread> replace_thread(std::unique_ptr<MachineThread> thread)
      GONZO_EXCLUDES(thread_lock_);

  /// exit, exit_group or a fatal signal: the run loop ends.
  void exit(ExitStatus status) { exit_status_ = status; }
  const std::optional<ExitStatus>& exit_status() const { return exit_status_; }

  // Signals. Only the task's own host thread calls these, but for what is said to be thread-safe.
  SignalSet signal_mask() const { return signal_mask_.load(std::memory_order_relaxed); }
  /// SIGKILL and SIGSTOP cannot be blocked and are taken out.
  void set_signal_mask(SignalSet mask);
  /// sigsuspend, ppoll, pselect: `mask` until the call ends; a handler that runs puts the old mask
  /// into its frame (Linux: set_user_sigmask, saved_sigmask).
  void set_temporary_signal_mask(SignalSet mask);
  /// The temporary mask's end, if no handler took it.
  void restore_signal_mask();
  /// The mask that a signal frame saves; ends a temporary one without restoring it.
  SignalSet take_saved_signal_mask();
  /// sigtimedwait: these wake the task though they are blocked.
  void set_awaited_signals(SignalSet signals) { awaited_.store(signals); }
  /// What does not wake it. Thread-safe.
  SignalSet blocked_signals() const { return signal_mask() & ~awaited_.load(); }
  /// Is a signal there to deliver, or to await?
  bool has_signal() const;
  PendingSignals& pending() { return pending_; }  ///< thread-safe
  SignalStack& signal_stack() { return signal_stack_; }
  FaultRecord& last_fault() { return last_fault_; }

  /// rax at the entry of the call being handled, or -1 outside one (Linux: orig_ax).
  std::uint64_t original_rax = ~0ULL;
  /// How that call was made, whatever kind the program is (Linux: in_ia32_syscall).
  SyscallAbi call_abi = SyscallAbi::kX8664;
  /// Set by the handler of a call that restart_syscall must continue: its number and arguments.
  struct RestartBlock {
    std::uint64_t number = ~0ULL;
    std::array<std::uint64_t, 6> arguments{};
  };
  std::optional<RestartBlock> restart_block;

  /// Something waits for deliver_signals; a call about to block must not. From any thread or a
  /// signal handler; reaches neither the guest's code nor a call that blocks already.
  void call_attention() { attention_.store(1); }
  /// The same, and the guest's code or a blocking call is broken off. Thread-safe.
  void notify() GONZO_EXCLUDES(thread_lock_);
  /// So far. Thread-safe.
  CpuTime cpu_time() GONZO_EXCLUDES(thread_lock_);
  /// For interruptible_call.h.
  std::atomic<std::uint32_t>& attention() { return attention_; }
  std::atomic<bool>& blocking() { return blocking_; }
  /// The host thread that runs it: kicked out of blocking calls. 0: it will run no more, and what
  /// it used is what it has used by now.
  void set_host_thread(pid_t thread) GONZO_EXCLUDES(thread_lock_);
  /// 0: not yet, or no more.
  pid_t host_thread() const { return std::max(host_thread_.load(), 0); }
  bool has_ended() const { return host_thread_.load() < 0; }
  /// Waits until a task that was just made has its host thread. 0: no more.
  pid_t await_host_thread() const;

  /// comm. Thread-safe.
  std::string name() const GONZO_EXCLUDES(name_lock_);
  void set_name(std::string name) GONZO_EXCLUDES(name_lock_);
  /// What its host thread has; whoever changes that tells it here. Thread-safe.
  Credentials credentials() const GONZO_EXCLUDES(name_lock_);
  void set_credentials(const Credentials& credentials) GONZO_EXCLUDES(name_lock_);

  std::atomic<bool> must_exit{false};              ///< another thread's exec
  std::atomic<bool> gave_up_locks{false};          ///< FUTEX_LOCK_PI's; none is its again
  Completion* killable_wait = nullptr;             ///< under the process's lock
  MemoryPolicyRef memory_policy;                   ///< set_mempolicy; null: the machine's
  std::uint64_t clear_child_tid = 0;               ///< set_tid_address
  std::atomic<std::uint64_t> robust_list{0};       ///< set_robust_list
  std::atomic<std::uint64_t> robust_list_i386{0};  ///< by int 0x80 (Linux: compat_robust_list)
  std::atomic<int> parent_death_signal{0};         ///< PR_SET_PDEATHSIG
  bool no_new_privileges = false;                  ///< PR_SET_NO_NEW_PRIVS; exec gives none anyway

 private:
  Task(Process& process, int tid, std::unique_ptr<MachineThread> thread);

  std::shared_ptr<Process> kept_;  // destroyed last
  Process& process_;
  std::atomic<int> tid_;
  Mutex thread_lock_;  ///< who interrupts the thread must not meet its replacement
  std::unique_ptr<MachineThread> thread_;
  /// Of its threads before this one.
  MachineThreadTimes replaced_times_ GONZO_GUARDED_BY(thread_lock_);
  /// Once it has no host thread any more.
  std::chrono::nanoseconds ended_runner_time_ GONZO_GUARDED_BY(thread_lock_){0};
  CpuTime told_time_ GONZO_GUARDED_BY(thread_lock_);  ///< which never becomes less
  std::optional<ExitStatus> exit_status_;
  std::atomic<SignalSet> signal_mask_;
  std::atomic<SignalSet> awaited_{0};
  std::optional<SignalSet> saved_mask_;
  PendingSignals pending_;
  SignalStack signal_stack_;
  FaultRecord last_fault_;
  std::atomic<std::uint32_t> attention_{0};
  std::atomic<bool> blocking_{false};
  std::atomic<pid_t> host_thread_{0};
  mutable SpinLock segments_lock_;  ///< a leaf
  ThreadSegments segments_ GONZO_GUARDED_BY(segments_lock_);
  mutable Mutex name_lock_;
  std::string name_ GONZO_GUARDED_BY(name_lock_);
  Credentials credentials_ GONZO_GUARDED_BY(name_lock_);
};

/// Whether `caller` may look into `subject` (Linux: ptrace_may_access). EPERM.
Result<void> may_inspect(const Task& caller, Task& subject, CallerIds ids);

}  // namespace gonzo
