#include "kernel/signal.h"

#include <sys/resource.h>

#include <csignal>

#include "kernel/extended_state.h"
#include "kernel/process_table.h"
#include "kernel/signal_frame.h"
#include "kernel/signal_frame_i386.h"
#include "kernel/task_threads.h"
#include <gonzo/base/check.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kSyscallInstruction = 2;  // bytes of `syscall`, `sysenter` and `int 0x80`
/// __NR_restart_syscall of x86-64 and i386.
constexpr std::uint64_t kRestartSyscall = 219, kRestartSyscall32 = 0;
constexpr SignalSet kStopping =
    signal_bit(SIGSTOP) | signal_bit(SIGTSTP) | signal_bit(SIGTTIN) | signal_bit(SIGTTOU);

SignalInfo kernel_signal(int signal) { return SignalInfo::fault(signal, SI_KERNEL, 0); }

/// Linux: prepare_signal and sig_ignored. A blocked signal is kept even when it is ignored: the
/// action may change before it is unblocked.
bool is_dropped(Process& process, const SignalInfo& info, SignalSet blocked) {
  return (blocked & signal_bit(info.signal)) == 0 && process.actions_ref()->is_ignored(info.signal);
}

std::size_t queue_limit(Process& process) { return process.limits()[RLIMIT_SIGPENDING].soft; }

/// Stop signals and SIGCONT take each other out of the queues.
void cancel_opposites(PendingSignals& pending, int signal) {
  if (signal == SIGCONT) pending.discard(kStopping);
  if ((kStopping & signal_bit(signal)) != 0) pending.discard(signal_bit(SIGCONT));
}

enum class Sent : bool { kDropped, kToBeTaken };

Result<Sent> send(Process& process, PendingSignals& pending, SignalSet blocked,
                  const SignalInfo& info) {
  if (!is_signal(info.signal)) return fail(Errno::kInval);
  if (info.signal == SIGKILL) {
    process.begin_exit({.signal = SIGKILL});
    return Sent::kToBeTaken;
  }
  cancel_opposites(process.pending(), info.signal);
  process.for_each_task([&](Task& task) { cancel_opposites(task.pending(), info.signal); });
  // Whatever becomes of the signal itself.
  if (info.signal == SIGCONT && process.is_stopped()) {
    // Before it goes on: it may stop again at once, and the report of that must come second.
    process.system().processes().continued(process);
    std::ignore = process.resume();
  }
  if (is_dropped(process, info, blocked)) return Sent::kDropped;
  GONZO_TRY(pending.add(info, queue_limit(process)));
  process.signals_changed(signal_bit(info.signal));
  return Sent::kToBeTaken;
}

enum class Interrupted : std::uint8_t { kByHandler, kBySilence };

/// Linux: the switches in handle_signal and arch_do_signal_or_restart.
void settle_interrupted_call(Task& task, Interrupted how, bool restarts) {
  if (task.original_rax == ~0ULL) return;
  CpuRegisters& registers = task.registers();
  const auto code = static_cast<int>(-registers.rax);
  if (code < restart::kSys || code > restart::kBlock || code == 515) return;
  bool again = code == restart::kNoIntr || how == Interrupted::kBySilence;
  if (code == restart::kSys && restarts) again = true;
  if (!again) {
    registers.rax = static_cast<std::uint64_t>(-EINTR);
    return;
  }
  const bool narrow = task.call_abi == SyscallAbi::kI386;
  registers.rax = code != restart::kBlock ? task.original_rax
                  : narrow                ? kRestartSyscall32
                                          : kRestartSyscall;
  registers.rip -= kSyscallInstruction;
}

/// A stop from the terminal means nothing where nobody could continue the group. The first
/// process's is continued by whoever started the runner, which stops with it.
bool may_stop(Process& process, int signal) {
  if (signal == SIGSTOP) return true;
  const ProcessTable& processes = process.system().processes();
  const auto identity = processes.identity(process.pid());
  if (!identity) return false;
  return identity->group == kFirstProcess || !processes.is_orphaned(identity->group);
}

void take_default_action(Task& task, const SignalInfo& info) {
  const int signal = info.signal;
  Process& process = task.process();
  switch (default_action(signal)) {
    case DefaultAction::kIgnore:
    case DefaultAction::kContinue:
      return;
    case DefaultAction::kStop:
      if (may_stop(process, signal)) process.begin_stop(signal);
      return;
    case DefaultAction::kTerminate:
    case DefaultAction::kCore:
      if (!process.begin_exit({.signal = signal})) return;
      if (ProcessObserver* observer = process.system().tasks().observer()) {
        observer->is_killed(task, info);
      }
      return;
  }
}

/// Something that goes before any signal: the process ends, or stands still.
bool attend_to_process(Task& task) {
  Process& process = task.process();
  if (const auto status = process.group_exit()) {
    task.exit(*status);
    return true;
  }
  if (task.must_exit.load(std::memory_order_acquire)) {
    task.exit({});
    return true;
  }
  if (!process.is_stopped()) return false;
  process.wait_while_stopped([&](int signal) {
    process.system().processes().stopped(process, signal);
    process.system().tasks().tell_main();
  });
  return true;
}

void run_handler(Task& task, const SignalInfo& info, const SignalAction& action) {
  settle_interrupted_call(task, Interrupted::kByHandler, (action.flags & SA_RESTART) != 0);
  task.original_rax = ~0ULL;
  const SignalSet before = task.take_saved_signal_mask();
  if (!push_signal_frame(task, info, action, before)) {
    // Linux: force_sigsegv. A SIGSEGV that cannot be handled is the end.
    if (info.signal == SIGSEGV) task.process().signals().make_default(SIGSEGV);
    task.set_signal_mask(before);
    force_signal(task, kernel_signal(SIGSEGV));
    return;
  }
  SignalSet mask = task.signal_mask() | action.mask;
  if ((action.flags & SA_NODEFER) == 0) mask |= signal_bit(info.signal);
  task.set_signal_mask(mask);
}

std::optional<SignalInfo> next_signal(Task& task) {
  const SignalSet blocked = task.signal_mask();
  auto info = task.pending().take(blocked);
  if (!info) info = task.process().pending().take(blocked);
  if (info) task.process().signals_changed();
  return info;
}

}  // namespace

SignalInfo signal_for_fault(FaultOutcome outcome, VirtAddr address) {
  switch (outcome) {
    case FaultOutcome::kNoMapping:
      return SignalInfo::fault(SIGSEGV, SEGV_MAPERR, address.value);
    case FaultOutcome::kNoAccess:
      return SignalInfo::fault(SIGSEGV, SEGV_ACCERR, address.value);
    case FaultOutcome::kBeyondObject:
      return SignalInfo::fault(SIGBUS, BUS_ADRERR, address.value);
    case FaultOutcome::kOutOfMemory:
      return kernel_signal(SIGKILL);
    case FaultOutcome::kMinor:
    case FaultOutcome::kMajor:
      break;
  }
  GONZO_CHECK(!mended(outcome));
  return kernel_signal(SIGKILL);
}

SignalInfo signal_for_exception(std::uint8_t vector, VirtAddr rip,
                                std::span<const std::byte> extended_state) {
  switch (vector) {
    case 0:
      return SignalInfo::fault(SIGFPE, FPE_INTDIV, rip.value);
    case 1:
      return SignalInfo::fault(SIGTRAP, TRAP_TRACE, rip.value);
    case 3:
      return kernel_signal(SIGTRAP);
    case 6:
      return SignalInfo::fault(SIGILL, ILL_ILLOPN, rip.value);
    case 11:
    case 12:
      return kernel_signal(SIGBUS);
    case 16:
    case 19: {
      const FloatUnit unit = vector == 16 ? FloatUnit::kX87 : FloatUnit::kSse;
      const int code = float_exception_code(extended_state, unit);
      return SignalInfo::fault(SIGFPE, code != 0 ? code : FPE_FLTUNK, rip.value);
    }
    case 17:
      return SignalInfo::fault(SIGBUS, BUS_ADRALN, 0);
    default:  // #OF, #BR, #GP
      return kernel_signal(SIGSEGV);
  }
}

Result<void> send_signal(Task& task, const SignalInfo& info) {
  GONZO_ASSIGN(const Sent sent, send(task.process(), task.pending(), task.signal_mask(), info));
  if (sent == Sent::kDropped) return {};
  if ((task.blocked_signals() & signal_bit(info.signal)) == 0) task.notify();
  return {};
}

Result<void> send_signal(Process& process, const SignalInfo& info) {
  // Any thread may take it; only what all of them block is kept though it is ignored.
  SignalSet blocked = ~SignalSet{0};
  bool any = false;
  process.for_each_task([&](Task& task) {
    any = true;
    blocked &= task.signal_mask();
  });
  if (!any) return {};
  GONZO_ASSIGN(const Sent sent, send(process, process.pending(), blocked, info));
  if (sent == Sent::kToBeTaken) process.wake_for_signal(info.signal);
  return {};
}

void force_signal(Task& task, const SignalInfo& info) {
  SignalActions& actions = task.process().signals();
  const SignalSet bit = signal_bit(info.signal);
  if ((task.signal_mask() & bit) != 0 || actions.is_ignored(info.signal)) {
    actions.make_default(info.signal);
    task.set_signal_mask(task.signal_mask() & ~bit);
  }
  // The queue's limit is not for the kernel's own signals.
  const auto added = task.pending().add(info, ~std::size_t{0});
  GONZO_CHECK(added.has_value());
  task.call_attention();
}

Result<SignalAction> set_signal_action(Task& task, int signal, const SignalAction& action) {
  Process& process = task.process();
  GONZO_ASSIGN(const SignalAction before, process.signals().set(signal, action));
  if (process.signals().is_ignored(signal)) {
    process.for_each_task([&](Task& each) { each.pending().discard(signal_bit(signal)); });
    process.pending().discard(signal_bit(signal));
    process.signals_changed();
  }
  return before;
}

Result<SignalStack> change_signal_stack(Task& task, const SignalStack* wanted) {
  constexpr std::uint64_t kLeastStack = 2048;  // MINSIGSTKSZ
  SignalStack& stack = task.signal_stack();
  const bool on_it = stack.is_in_use(task.registers().rsp);
  SignalStack before = stack;
  if (wanted == nullptr) {
    before.flags = (stack.size == 0 ? SS_DISABLE
                    : on_it         ? SS_ONSTACK
                                    : 0) |
                   (stack.flags & SignalStack::kAutoDisarm);
    return before;
  }
  GONZO_ASSIGN(before, change_signal_stack(task, nullptr));
  if (on_it) return fail(Errno::kPerm);
  const std::int32_t mode = wanted->flags & ~SignalStack::kAutoDisarm;
  if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0) return fail(Errno::kInval);
  if (mode == SS_DISABLE) {
    stack = {.base = 0, .flags = wanted->flags, .size = 0};
    return before;
  }
  if (wanted->size < kLeastStack) return fail(Errno::kNoMem);
  stack = {.base = wanted->base, .flags = wanted->flags, .size = wanted->size};
  return before;
}

namespace {
Result<void> pop_frame(Task& task, FrameKind kind) {
  switch (kind) {
    case FrameKind::kNative:
      return pop_signal_frame(task);
    case FrameKind::kI386:
      return pop_i386_info_frame(task);
    case FrameKind::kI386Plain:
      return pop_i386_plain_frame(task);
  }
  return fail(Errno::kInval);
}
}  // namespace

void return_from_signal(Task& task, FrameKind kind) {
  const bool good = pop_frame(task, kind).has_value();
  task.original_rax = ~0ULL;
  task.restart_block.reset();
  if (!good) force_signal(task, kernel_signal(SIGSEGV));
}

bool must_leave_call(Task& task) {
  Process& process = task.process();
  return task.has_signal() || task.must_exit.load() || process.is_stopped() ||
         process.group_exit().has_value();
}

void deliver_signals(Task& task) {
  task.attention().store(0);
  while (!task.exit_status()) {
    if (attend_to_process(task)) continue;
    const auto info = next_signal(task);
    if (!info) break;
    const SignalAction action = task.process().signals().take(info->signal);
    if (action.is_ignore()) continue;
    if (action.is_default()) {
      take_default_action(task, *info);
    } else {
      run_handler(task, *info, action);
    }
  }
  settle_interrupted_call(task, Interrupted::kBySilence, true);
  task.original_rax = ~0ULL;
  task.restore_signal_mask();
}

}  // namespace gonzo
