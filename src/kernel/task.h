// A thread of a guest process. Linux: struct task_struct.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "kernel/process.h"
#include <gonzo/machine/machine.h>

namespace gonzo {

/// How a process ended, as wait(2) tells it.
struct ExitStatus {
  int code = 0;    ///< exit code, when `signal` is 0
  int signal = 0;  ///< the signal that killed it
  int shell_status() const { return signal != 0 ? 128 + signal : code; }
};

class Task {
 public:
  Task(Process& process, int tid, std::unique_ptr<MachineThread> thread)
      : process_(process), tid_(tid), thread_(std::move(thread)) {}

  Process& process() { return process_; }
  AddressSpace& memory() { return process_.memory(); }
  FileTable& files() { return process_.files(); }
  int tid() const { return tid_; }
  MachineThread& thread() { return *thread_; }
  CpuRegisters& registers() { return thread_->registers(); }

  /// exit, exit_group or a fatal signal: the run loop ends.
  void exit(ExitStatus status) { exit_status_ = status; }
  const std::optional<ExitStatus>& exit_status() const { return exit_status_; }

  std::uint64_t signal_mask = 0;  ///< bit n-1: signal n blocked

 private:
  Process& process_;
  int tid_;
  std::unique_ptr<MachineThread> thread_;
  std::optional<ExitStatus> exit_status_;
};

}  // namespace gonzo
