// Signals as i386 knew them before there were more than 32. Linux: kernel/signal.c (OLD_SIG*),
// arch/x86/kernel/signal_32.c.
#include <csignal>

#include "kernel/signal.h"
#include "syscall/handlers.h"
#include "syscall/i386/handlers.h"

namespace gonzo {

namespace {

constexpr SignalSet kOldSignals = 0xffffffff;

/// struct compat_old_sigaction.
struct OldAction {
  std::uint32_t handler, mask, flags, restorer;
};

std::uint32_t low(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

}  // namespace

std::int64_t i386_sigreturn(Call& call) {
  return_from_signal(call.task, FrameKind::kI386Plain);
  return static_cast<std::int64_t>(call.task.registers().rax);
}

std::int64_t i386_rt_sigreturn(Call& call) {
  return_from_signal(call.task, FrameKind::kI386);
  return static_cast<std::int64_t>(call.task.registers().rax);
}

std::int64_t i386_sigaction(Call& call) {
  const int signal = call.integer(0);
  Result<SignalAction> before = fail(Errno::kInval);
  if (call.is_null(1)) {
    before = call.process().signals().get(signal);
  } else {
    const auto old = call.memory().load<OldAction>(call.address(1));
    if (!old) return raw(old.error());
    before = set_signal_action(call.task, signal,
                               {.handler = old->handler,
                                .flags = old->flags | kI386Action,
                                .restorer = old->restorer,
                                .mask = old->mask});
  }
  if (!before) return raw(before.error());
  if (call.is_null(2)) return 0;
  return raw(
      call.memory().store(call.address(2), OldAction{.handler = low(before->handler),
                                                     .mask = low(before->mask),
                                                     .flags = low(before->flags & ~kI386Action),
                                                     .restorer = low(before->restorer)}));
}

std::int64_t i386_signal(Call& call) {
  const auto before =
      set_signal_action(call.task, call.integer(0),
                        {.handler = call[1], .flags = SA_RESETHAND | SA_NODEFER | kI386Action});
  return before ? static_cast<std::int64_t>(low(before->handler)) : raw(before.error());
}

std::int64_t i386_sigprocmask(Call& call) {
  const SignalSet before = call.task.signal_mask();
  if (!call.is_null(1)) {
    const auto given = call.memory().load<std::uint32_t>(call.address(1));
    if (!given) return raw(given.error());
    const SignalSet set = *given;
    switch (call.integer(0)) {
      case SIG_BLOCK:
        call.task.set_signal_mask(before | set);
        break;
      case SIG_UNBLOCK:
        call.task.set_signal_mask(before & ~set);
        break;
      case SIG_SETMASK:
        call.task.set_signal_mask((before & ~kOldSignals) | set);
        break;
      default:
        return -EINVAL;
    }
  }
  return call.is_null(2) ? 0 : raw(call.memory().store(call.address(2), low(before)));
}

std::int64_t i386_sgetmask(Call& call) {
  return static_cast<std::int64_t>(low(call.task.signal_mask()));
}

std::int64_t i386_ssetmask(Call& call) {
  const SignalSet before = call.task.signal_mask();
  call.task.set_signal_mask(call[0]);
  return static_cast<std::int64_t>(low(before));
}

/// The first two arguments are history.
std::int64_t i386_sigsuspend(Call& call) {
  call.task.set_temporary_signal_mask(call[2]);
  return sys_pause(call);
}

}  // namespace gonzo
