// Sending and delivering signals. Linux: kernel/signal.c, arch/x86/kernel/signal.c.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/signal_info.h"
#include "kernel/task.h"

namespace gonzo {

/// A system call that a signal interrupted leaves one of these, negated, in rax; the loop turns it
/// into EINTR or a restart when it goes back to the guest. Linux: include/linux/errno.h.
namespace restart {
inline constexpr int kSys = 512;  ///< again unless a handler without SA_RESTART runs (read, wait4)
inline constexpr int kNoIntr = 513;  ///< again always
inline constexpr int kNoHand = 514;  ///< again only if no handler runs (poll, sigsuspend, pause)
inline constexpr int kBlock = 516;   ///< as kNoHand, by restart_syscall (nanosleep, futex)
/// What rax holds then.
inline constexpr std::uint64_t kLowest = -std::uint64_t{kBlock}, kHighest = -std::uint64_t{kSys};
}  // namespace restart

/// What a fault that the address space could not mend becomes.
SignalInfo signal_for_fault(FaultOutcome outcome, VirtAddr address);
/// What a processor exception becomes (Linux: arch/x86/kernel/traps.c). The extended state tells
/// which floating-point exception #MF and #XM were; it may be empty.
SignalInfo signal_for_exception(std::uint8_t vector, VirtAddr rip,
                                std::span<const std::byte> extended_state = {});

/// To the thread, or to the process, where any thread may take it. An ignored signal is dropped.
/// EAGAIN: the queue of real-time signals is full.
Result<void> send_signal(Task& task, const SignalInfo& info);
Result<void> send_signal(Process& process, const SignalInfo& info);
/// A signal that the thread itself caused: if it blocks or ignores it, the default action is taken
/// all the same (Linux: force_sig_info).
void force_signal(Task& task, const SignalInfo& info);

/// rt_sigaction's work: sets the action and drops pending signals that it makes ignored.
Result<SignalAction> set_signal_action(Task& task, int signal, const SignalAction& action);

/// stack_t of x86-64, and sigaltstack's rules: `wanted` null only asks. EPERM: on that stack now;
/// EINVAL: unknown flags; ENOMEM: smaller than MINSIGSTKSZ. Returns the stack before the change.
Result<SignalStack> change_signal_stack(Task& task, const SignalStack* wanted);

/// rt_sigreturn: everything, rax included, comes from the frame on the guest's stack; a frame that
/// cannot be read kills the task with SIGSEGV.
enum class FrameKind : std::uint8_t {
  kNative,
  kI386,       ///< of an action with SA_SIGINFO
  kI386Plain,  ///< of one without
};
void return_from_signal(Task& task, FrameKind kind = FrameKind::kNative);

/// Is there anything for deliver_signals to do?
inline bool needs_attention(Task& task) {
  return task.attention().load(std::memory_order_acquire) != 0 ||
         task.registers().rax - restart::kLowest <= restart::kHighest - restart::kLowest;
}

/// Is there anything for which a call that blocks must end?
bool must_leave_call(Task& task);

/// Before the guest goes on: settles an interrupted call (rax = -restart::k...), then delivers what
/// is pending and not blocked: into a handler's frame, or by the default action, which may end the
/// process or stop it, which this waits out.
void deliver_signals(Task& task);

}  // namespace gonzo
