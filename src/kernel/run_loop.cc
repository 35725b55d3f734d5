#include "kernel/run_loop.h"

#include <fmt/format.h>

#include <csignal>

#include "kernel/fault_pace.h"
#include "kernel/process.h"
#include "kernel/signal.h"

namespace gonzo {
namespace {

constexpr std::uint64_t kPageFaultVector = 14;

Access access_of(std::uint32_t error_code) {
  if ((error_code & fault_code::kFetch) != 0) return Access::kExecute;
  return (error_code & fault_code::kWrite) != 0 ? Access::kWrite : Access::kRead;
}

void answer_page_fault(Task& task, const Trap& trap, FaultPace& pace) {
  MemoryManager& manager = task.memory().manager();
  if (manager.config().evict_every != 0 && pace.allows_eviction(task.registers().rip))
      [[unlikely]] {
    manager.evict_for_torture();
  }
  const FaultOutcome outcome = task.memory().fault(trap.address, access_of(trap.error_code));
  if (mended(outcome)) [[likely]]
    return;
  // Of the kernel's half a program learns nothing (Linux: set_signal_archinfo).
  const bool in_kernel_half = trap.address >= task.memory().page_table().user_end();
  task.last_fault() = {.trap_number = kPageFaultVector,
                       .error_code = trap.error_code | (in_kernel_half ? fault_code::kPresent : 0),
                       .address = trap.address.value};
  force_signal(task, signal_for_fault(outcome, trap.address));
}

void answer_exception(Task& task, const Trap& trap) {
  // The last page fault's address stays, as CR2 does.
  task.last_fault().trap_number = trap.vector;
  task.last_fault().error_code = trap.error_code;
  force_signal(task, signal_for_exception(trap.vector, VirtAddr(task.registers().rip),
                                          task.thread().extended_state()));
}

/// Its machine has gone from under it, most often by kill -9 of the host's process: that is what it
/// looks like from inside, too.
void answer_end(Task& task, const Trap& trap) {
  Process& process = task.process();
  // Where no guest can run any more, whoever runs us says so, once.
  if (!process.group_exit() && process.system().machine().failure().empty()) {
    process.system().log(
        fmt::format("{}[{}]: killed: {}", task.name(), process.pid(), trap.reason));
  }
  process.begin_exit({.signal = SIGKILL});
}

void answer(Task& task, const Trap& trap, SyscallHandler& syscalls, RunCounters& counters,
            FaultPace& pace) {
  if (trap.kind == TrapKind::kSyscall) {
    ++counters.syscalls;
    task.original_rax = task.registers().rax;
    task.call_abi = trap.abi;
    return syscalls.handle(task);
  }
  task.original_rax = ~0ULL;
  switch (trap.kind) {
    case TrapKind::kPageFault:
      ++counters.page_faults;
      return answer_page_fault(task, trap, pace);
    case TrapKind::kException:
      ++counters.exceptions;
      return answer_exception(task, trap);
    case TrapKind::kInterrupted:
      ++counters.interrupts;
      return;
    case TrapKind::kGone:
      return answer_end(task, trap);
    case TrapKind::kSyscall:
      return;
  }
}

}  // namespace

ExitStatus run_task(Task& task, SyscallHandler& syscalls, RunCounters& counters) {
  const auto start = std::chrono::steady_clock::now();
  FaultPace pace;
  while (!task.exit_status()) {
    if (needs_attention(task)) [[unlikely]] {
      deliver_signals(task);
    } else {
      const Trap trap = task.thread().run();
      task.note_segments();
      answer(task, trap, syscalls, counters, pace);
    }
  }
  counters.wall += std::chrono::steady_clock::now() - start;
  return *task.exit_status();
}

}  // namespace gonzo
