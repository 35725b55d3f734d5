// What a process does with each signal. Linux: struct sighand_struct.
#pragma once

#include <array>
#include <cstdint>

#include "kernel/signal_info.h"
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>

namespace gonzo {

/// Among the flags of an action: it was installed by a call of i386's, so that its handler expects
/// i386's frame (Linux: SA_IA32_ABI). Programs never see it.
inline constexpr std::uint64_t kI386Action = 0x02000000;

/// SA_RESTORER, which the C library's headers keep to themselves.
inline constexpr std::uint64_t kRestorerAction = 0x04000000;

/// struct kernel_sigaction of x86-64: what rt_sigaction copies.
struct SignalAction {
  std::uint64_t handler = 0;  ///< 0: SIG_DFL, 1: SIG_IGN, else the guest's function
  std::uint64_t flags = 0;    ///< SA_*
  std::uint64_t restorer = 0;
  SignalSet mask = 0;

  bool is_default() const { return handler == 0; }
  bool is_ignore() const { return handler == 1; }
  bool has_handler() const { return handler > 1; }
};
static_assert(sizeof(SignalAction) == 32);

/// signal(7), "Standard signals".
enum class DefaultAction : std::uint8_t { kTerminate, kCore, kIgnore, kStop, kContinue };
DefaultAction default_action(int signal);

/// Thread-safe.
class SignalActions {
 public:
  SignalActions() = default;
  /// fork: the same actions.
  SignalActions(const SignalActions& other) GONZO_EXCLUDES(other.lock_);
  SignalActions& operator=(const SignalActions&) = delete;

  /// EINVAL: no such signal.
  Result<SignalAction> get(int signal) const GONZO_EXCLUDES(lock_);
  /// Returns the old action. EINVAL: no such signal, SIGKILL or SIGSTOP. SIGKILL and SIGSTOP are
  /// taken out of the mask, flags that the kernel does not know out of the flags.
  Result<SignalAction> set(int signal, SignalAction action) GONZO_EXCLUDES(lock_);
  /// The action for a signal that is being delivered now: with SA_RESETHAND it is the last time.
  /// `signal` is a valid one.
  SignalAction take(int signal) GONZO_EXCLUDES(lock_);
  void make_default(int signal) GONZO_EXCLUDES(lock_);
  /// What the process is started with is ignored (nohup).
  void ignore(SignalSet signals) GONZO_EXCLUDES(lock_);
  /// Explicitly, or by default (Linux: sig_handler_ignored).
  bool is_ignored(int signal) const GONZO_EXCLUDES(lock_);
  SignalSet ignored() const GONZO_EXCLUDES(lock_);  ///< set to SIG_IGN, for /proc status
  SignalSet caught() const GONZO_EXCLUDES(lock_);
  /// exec: handlers become default, what was ignored stays (Linux: flush_signal_handlers).
  void reset_handlers() GONZO_EXCLUDES(lock_);

 private:
  SignalSet where(bool (SignalAction::*what)() const) const GONZO_EXCLUDES(lock_);

  mutable Mutex lock_;
  std::array<SignalAction, kSignals> actions_ GONZO_GUARDED_BY(lock_){};
};

}  // namespace gonzo
