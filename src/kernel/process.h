// A process: what its threads share. Linux: the shared halves of task_struct (mm, files, signal).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernel/file_table.h"
#include "kernel/inheritance.h"
#include "kernel/pending_signals.h"
#include "kernel/program_abi.h"
#include "kernel/resource_limit.h"
#include "kernel/signal_actions.h"
#include "kernel/system.h"
#include "kernel/translation_relay.h"
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

class Process {
 public:
  /// An empty address space on the system's machine. Tasks must be gone before their process.
  /// ENOMEM, EAGAIN.
  static Result<std::unique_ptr<Process>> create(System& system, int pid,
                                                 const Inheritance& inheritance = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  System& system() { return system_; }
  int pid() const { return pid_; }
  AddressSpace& memory() { return *memory_; }
  /// An empty address space with page tables in `format` in place of the present one. No task may
  /// have a thread on it. ENOMEM, EAGAIN: nothing changed.
  Result<void> renew_memory(PagingFormat format);
  MachineSpace& machine_space() { return *machine_space_; }
  FileTable& files() { return files_; }
  SignalActions& signals() { return signals_; }
  /// Sent to the process as a whole.
  PendingSignals& pending() { return pending_; }
  ProgramImage& image() { return image_; }
  /// Those of memory hold from update_memory_limits() on.
  ResourceLimits& limits() { return limits_; }
  /// Tells the address space, after a change of limits() or of privileges.
  void update_memory_limits();
  /// Its threads. Tasks come and go by themselves: from Task's constructor to its destructor.
  std::span<Task* const> tasks() const { return tasks_; }
  void attach(Task& task) { tasks_.push_back(&task); }
  void detach(Task& task) { std::erase(tasks_, &task); }

  /// What its first task starts with (nohup and its like).
  SignalSet initial_signal_mask() const { return initial_signal_mask_; }

 private:
  Process(System& system, int pid, const Inheritance& inheritance);
  System& system_;
  int pid_;
  TranslationRelay translations_;
  std::unique_ptr<AddressSpace> memory_;
  std::unique_ptr<MachineSpace> machine_space_;  // goes before the page tables that it shadows
  ResourceLimits limits_;
  FileTable files_;
  SignalActions signals_;
  PendingSignals pending_;
  ProgramImage image_;
  std::vector<Task*> tasks_;
  SignalSet initial_signal_mask_;
};

}  // namespace gonzo
