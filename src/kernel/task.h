// A thread of a guest process. Linux: struct task_struct.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "kernel/exec.h"
#include "kernel/pending_signals.h"
#include "kernel/process.h"
#include <gonzo/machine/machine.h>

namespace gonzo {

/// How a process ended, as wait(2) tells it.
struct ExitStatus {
  int code = 0;    ///< exit code, when `signal` is 0
  int signal = 0;  ///< the signal that killed it
  int shell_status() const { return signal != 0 ? 128 + signal : code; }
};

/// stack_t as the x86-64 kernel lays it out.
struct SignalStack {
  std::uint64_t base = 0;
  std::int32_t flags = 2;  ///< SS_DISABLE
  std::int32_t padding = 0;
  std::uint64_t size = 0;
};
static_assert(sizeof(SignalStack) == 24);

/// What the processor said about the last fault, for the signal frame (Linux: thread_struct's
/// trap_nr, error_code, cr2).
struct FaultRecord {
  std::uint64_t trap_number = 0, error_code = 0, address = 0;
};

class Task;

/// Signals that came from outside and are not in a pending set yet.
class SignalSource {
 public:
  virtual ~SignalSource() = default;
  /// Sends them to the task. On the task's own host thread.
  virtual void collect(Task& task) = 0;
  virtual void mask_changed(SignalSet mask) = 0;
  /// Sent, but kept back for the mask: rt_sigpending's answer beside the pending sets.
  virtual SignalSet held() const = 0;
};

class Task {
 public:
  /// A thread on the process's machine that starts where exec said. EAGAIN, ENOMEM.
  static Result<std::unique_ptr<Task>> create(Process& process, int tid, const ExecResult& start);
  /// `thread` may be null in tests that never run the task.
  Task(Process& process, int tid, std::unique_ptr<MachineThread> thread);
  ~Task();
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  Process& process() { return process_; }
  AddressSpace& memory() { return process_.memory(); }
  FileTable& files() { return process_.files(); }
  int tid() const { return tid_; }
  MachineThread& thread() { return *thread_; }
  bool has_thread() const { return thread_ != nullptr; }
  CpuRegisters& registers() { return thread_->registers(); }

  /// exit, exit_group or a fatal signal: the run loop ends.
  void exit(ExitStatus status) { exit_status_ = status; }
  const std::optional<ExitStatus>& exit_status() const { return exit_status_; }

  // Signals. Only the task's own host thread calls these, but for pending() and call_attention().
  SignalSet signal_mask() const { return signal_mask_; }
  /// SIGKILL and SIGSTOP cannot be blocked and are taken out.
  void set_signal_mask(SignalSet mask);
  /// sigsuspend, ppoll, pselect: `mask` until the call ends; a handler that runs puts the old mask
  /// into its frame (Linux: set_user_sigmask, saved_sigmask).
  void set_temporary_signal_mask(SignalSet mask);
  /// The temporary mask's end, if no handler took it.
  void restore_signal_mask();
  /// The mask that a signal frame saves; ends a temporary one without restoring it.
  SignalSet take_saved_signal_mask();
  PendingSignals& pending() { return pending_; }
  SignalStack& signal_stack() { return signal_stack_; }
  FaultRecord& last_fault() { return last_fault_; }
  /// Null for none; told at once of the mask of now.
  void set_signal_source(SignalSource* source);
  SignalSource* signal_source() { return signal_source_; }

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
  /// signal handler.
  void call_attention() { attention_.store(1, std::memory_order_release); }
  /// For interruptible_call.h.
  std::atomic<std::uint32_t>& attention() { return attention_; }

  MemoryPolicyRef memory_policy;      ///< set_mempolicy; null: the machine's
  std::uint64_t clear_child_tid = 0;  ///< set_tid_address
  std::uint64_t robust_list = 0;      ///< set_robust_list

 private:
  Process& process_;
  int tid_;
  std::unique_ptr<MachineThread> thread_;
  std::optional<ExitStatus> exit_status_;
  SignalSet signal_mask_ = 0;
  std::optional<SignalSet> saved_mask_;
  PendingSignals pending_;
  SignalStack signal_stack_;
  FaultRecord last_fault_;
  SignalSource* signal_source_ = nullptr;
  std::atomic<std::uint32_t> attention_{0};
};

}  // namespace gonzo
