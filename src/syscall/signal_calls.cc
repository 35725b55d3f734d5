// Signals: kernel/signal.h does them.
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <optional>

#include "syscall/handlers.h"
#include "syscall/sleep.h"
#include "syscall/table.h"
#include "syscall/user_signal.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

constexpr std::uint64_t kSetBytes = sizeof(SignalSet);

/// Whom kill's first argument means. Linux: kill_something_info.
enum class Target : std::uint8_t { kSelf, kNobody };

Target target_of(const Call& call, int pid) {
  const int own = call.process().pid();
  // The process, its group, the group by number.
  return pid == own || pid == 0 || pid == -own ? Target::kSelf : Target::kNobody;
}

SignalInfo from_self(const Call& call, int signal, int code) {
  return SignalInfo::sent(signal, code, call.process().pid(), getuid());
}

bool is_valid_or_zero(int signal) { return signal == 0 || is_signal(signal); }

std::int64_t send_to_thread(Call& call, int tid, int signal, int code) {
  if (tid <= 0) return -EINVAL;
  if (!is_valid_or_zero(signal)) return -EINVAL;
  if (tid != call.task.tid()) return -ESRCH;
  return signal == 0 ? 0 : raw(send_signal(call.task, from_self(call, signal, code)));
}

/// A blocked signal that waits on the host's side.
std::int64_t take_from_host(Call& call, SignalSet set, SignalInfo& info, const timespec* timeout) {
  return call.host(SYS_rt_sigtimedwait,
                   {reinterpret_cast<std::uint64_t>(&set), reinterpret_cast<std::uint64_t>(&info),
                    reinterpret_cast<std::uint64_t>(timeout), kSetBytes});
}

std::optional<SignalInfo> take_pending(Call& call, SignalSet set) {
  if (auto info = call.task.pending().take(~set)) return info;
  return call.process().pending().take(~set);
}

Result<SignalInfo> queued_info(Call& call, unsigned argument, int signal) {
  GONZO_ASSIGN(SignalInfo info, load_signal_info(call, call.address(argument)));
  info.signal = signal;
  return info;
}

}  // namespace

std::int64_t sys_rt_sigaction(Call& call) {
  if (call[3] != kSetBytes) return -EINVAL;
  const int signal = call.integer(0);
  Result<SignalAction> before = fail(Errno::kInval);
  if (call.is_null(1)) {
    before = call.process().signals().get(signal);
  } else {
    const auto wanted = load_action(call, call.address(1));
    if (!wanted) return raw(wanted.error());
    before = set_signal_action(call.task, signal, *wanted);
  }
  if (!before) return raw(before.error());
  return call.is_null(2) ? 0 : raw(store_action(call, call.address(2), *before));
}

std::int64_t sys_rt_sigprocmask(Call& call) {
  if (call[3] != kSetBytes) return -EINVAL;
  const SignalSet before = call.task.signal_mask();
  if (!call.is_null(1)) {
    const auto set = call.memory().load<SignalSet>(call.address(1));
    if (!set) return raw(set.error());
    switch (call.integer(0)) {
      case SIG_BLOCK:
        call.task.set_signal_mask(before | *set);
        break;
      case SIG_UNBLOCK:
        call.task.set_signal_mask(before & ~*set);
        break;
      case SIG_SETMASK:
        call.task.set_signal_mask(*set);
        break;
      default:
        return -EINVAL;
    }
  }
  return call.is_null(2) ? 0 : raw(call.memory().store(call.address(2), before));
}

std::int64_t sys_rt_sigpending(Call& call) {
  if (call[1] > kSetBytes) return -EINVAL;
  SignalSet host = 0;
  call.host(SYS_rt_sigpending, {reinterpret_cast<std::uint64_t>(&host), kSetBytes});
  const SignalSet pending = call.task.pending().set() | call.process().pending().set() | host;
  const SignalSet blocked = pending & call.task.signal_mask();
  return raw(call.memory().copy_out(call.address(0),
                                    std::as_bytes(std::span(&blocked, 1)).first(call[1])));
}

std::int64_t sys_rt_sigreturn(Call& call) {
  return_from_signal(call.task);
  return static_cast<std::int64_t>(call.task.registers().rax);
}

std::int64_t sys_rt_sigsuspend(Call& call) {
  if (call[1] != kSetBytes) return -EINVAL;
  const auto mask = call.memory().load<SignalSet>(call.address(0));
  if (!mask) return raw(mask.error());
  call.task.set_temporary_signal_mask(*mask);
  return sys_pause(call);
}

std::int64_t sys_pause(Call& call) { return call.host(SYS_pause, {}); }

std::int64_t sys_rt_sigtimedwait(Call& call) {
  if (call[3] != kSetBytes) return -EINVAL;
  const auto set = call.memory().load<SignalSet>(call.address(0));
  if (!set) return raw(set.error());
  std::optional<timespec> timeout;
  if (!call.is_null(2)) {
    const auto given = load_longs<timespec>(call, call.address(2));
    if (!given) return raw(given.error());
    if (!is_valid(*given)) return -EINVAL;
    timeout = *given;
  }
  SignalInfo info;
  if (auto pending = take_pending(call, *set)) {
    info = *pending;
  } else {
    const std::int64_t result = take_from_host(call, *set, info, timeout ? &*timeout : nullptr);
    if (result < 0) return result;
  }
  if (!call.is_null(1)) {
    if (auto stored = store_signal_info(call, call.address(1), info); !stored) {
      return raw(stored.error());
    }
  }
  return info.signal;
}

std::int64_t sys_sigaltstack(Call& call) {
  std::optional<SignalStack> wanted;
  if (!call.is_null(0)) {
    const auto stack = load_signal_stack(call, call.address(0));
    if (!stack) return raw(stack.error());
    wanted = *stack;
  }
  const auto before = change_signal_stack(call.task, wanted ? &*wanted : nullptr);
  if (!before) return raw(before.error());
  return call.is_null(1) ? 0 : raw(store_signal_stack(call, call.address(1), *before));
}

std::int64_t sys_kill(Call& call) {
  const int signal = call.integer(1);
  if (!is_valid_or_zero(signal)) return -EINVAL;
  if (target_of(call, call.integer(0)) == Target::kNobody) return -ESRCH;
  return signal == 0 ? 0 : raw(send_signal(call.process(), from_self(call, signal, SI_USER)));
}

std::int64_t sys_tkill(Call& call) {
  return send_to_thread(call, call.integer(0), call.integer(1), SI_TKILL);
}

std::int64_t sys_tgkill(Call& call) {
  if (call.integer(0) <= 0 || call.integer(1) <= 0) return -EINVAL;
  if (call.integer(0) != call.process().pid()) return -ESRCH;
  return send_to_thread(call, call.integer(1), call.integer(2), SI_TKILL);
}

std::int64_t sys_rt_sigqueueinfo(Call& call) {
  const int signal = call.integer(1);
  const auto info = queued_info(call, 2, signal);
  if (!info) return raw(info.error());
  if (!is_valid_or_zero(signal)) return -EINVAL;
  if (call.integer(0) != call.process().pid()) return -ESRCH;
  return signal == 0 ? 0 : raw(send_signal(call.process(), *info));
}

std::int64_t sys_rt_tgsigqueueinfo(Call& call) {
  const int signal = call.integer(2);
  const auto info = queued_info(call, 3, signal);
  if (!info) return raw(info.error());
  if (call.integer(0) <= 0 || call.integer(1) <= 0) return -EINVAL;
  if (!is_valid_or_zero(signal)) return -EINVAL;
  if (call.integer(0) != call.process().pid() || call.integer(1) != call.task.tid()) {
    return -ESRCH;
  }
  return signal == 0 ? 0 : raw(send_signal(call.task, *info));
}

}  // namespace gonzo
