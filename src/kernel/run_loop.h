// The loop that runs a task: trap, answer, run again.
#pragma once

#include <chrono>
#include <cstdint>

#include "kernel/task.h"

namespace gonzo {

/// Implemented by syscall/.
class SyscallHandler {
 public:
  virtual ~SyscallHandler() = default;
  /// Number and arguments are in task.registers(); puts the result (or -errno) into rax.
  virtual void handle(Task& task) = 0;
};

struct RunCounters {
  std::uint64_t syscalls = 0, page_faults = 0, exceptions = 0, interrupts = 0;
  std::chrono::nanoseconds wall{0};

  void add(const RunCounters& other) {
    syscalls += other.syscalls;
    page_faults += other.page_faults;
    exceptions += other.exceptions;
    interrupts += other.interrupts;
    wall += other.wall;
  }
};

/// Until the task exits. Page faults go to the address space, what they cannot mend and exceptions
/// become signals.
ExitStatus run_task(Task& task, SyscallHandler& syscalls, RunCounters& counters);

}  // namespace gonzo
