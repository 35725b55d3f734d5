#include "kernel/signal_actions.h"

#include <csignal>
#include <utility>

namespace gonzo {
namespace {

constexpr std::uint64_t kResetHand = SA_RESETHAND;
/// Linux: UAPI_SA_FLAGS with x86's SA_RESTORER, and SA_EXPOSE_TAGBITS.
constexpr std::uint64_t kKnownFlags = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK |
                                      SA_RESTART | SA_NODEFER | kResetHand | 0x800 | 0x04000000;
constexpr SignalSet kUnblockable = signal_bit(SIGKILL) | signal_bit(SIGSTOP);

std::size_t slot(int signal) { return static_cast<std::size_t>(signal) - 1; }

}  // namespace

DefaultAction default_action(int signal) {
  switch (signal) {
    case SIGCHLD:
    case SIGURG:
    case SIGWINCH:
      return DefaultAction::kIgnore;
    case SIGCONT:
      return DefaultAction::kContinue;
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
      return DefaultAction::kStop;
    case SIGQUIT:
    case SIGILL:
    case SIGTRAP:
    case SIGABRT:
    case SIGFPE:
    case SIGSEGV:
    case SIGBUS:
    case SIGSYS:
    case SIGXCPU:
    case SIGXFSZ:
      return DefaultAction::kCore;
    default:
      return DefaultAction::kTerminate;
  }
}

SignalActions::SignalActions(const SignalActions& other) {
  const LockGuard guard(other.lock_);
  actions_ = other.actions_;
}

Result<SignalAction> SignalActions::get(int signal) const {
  if (!is_signal(signal)) return fail(Errno::kInval);
  const LockGuard guard(lock_);
  return actions_[slot(signal)];
}

Result<SignalAction> SignalActions::set(int signal, SignalAction action) {
  if (!is_signal(signal) || signal == SIGKILL || signal == SIGSTOP) return fail(Errno::kInval);
  action.flags &= kKnownFlags | kI386Action;
  action.mask &= ~kUnblockable;
  const LockGuard guard(lock_);
  return std::exchange(actions_[slot(signal)], action);
}

SignalAction SignalActions::take(int signal) {
  const LockGuard guard(lock_);
  SignalAction& action = actions_[slot(signal)];
  const SignalAction taken = action;
  // Linux too leaves flags and mask.
  if (action.has_handler() && (action.flags & kResetHand) != 0) action.handler = 0;
  return taken;
}

void SignalActions::make_default(int signal) {
  const LockGuard guard(lock_);
  actions_[slot(signal)].handler = 0;
}

void SignalActions::ignore(SignalSet signals) {
  const LockGuard guard(lock_);
  for (int signal = 1; signal <= kSignals; ++signal) {
    if ((signals & ~kUnblockable & signal_bit(signal)) == 0) continue;
    actions_[slot(signal)] = {.handler = 1};
  }
}

bool SignalActions::is_ignored(int signal) const {
  const LockGuard guard(lock_);
  const SignalAction& action = actions_[slot(signal)];
  if (action.is_ignore()) return true;
  const DefaultAction usual = default_action(signal);
  return action.is_default() &&
         (usual == DefaultAction::kIgnore || usual == DefaultAction::kContinue);
}

SignalSet SignalActions::where(bool (SignalAction::*what)() const) const {
  const LockGuard guard(lock_);
  SignalSet set = 0;
  for (int signal = 1; signal <= kSignals; ++signal) {
    if ((actions_[slot(signal)].*what)()) set |= signal_bit(signal);
  }
  return set;
}

SignalSet SignalActions::ignored() const { return where(&SignalAction::is_ignore); }
SignalSet SignalActions::caught() const { return where(&SignalAction::has_handler); }

void SignalActions::reset_handlers() {
  const LockGuard guard(lock_);
  for (SignalAction& action : actions_) {
    if (action.has_handler()) action = {};
  }
}

}  // namespace gonzo
