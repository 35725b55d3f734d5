// Signals: kernel/signal.h does them.
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <optional>

#include "kernel/privilege.h"
#include "kernel/process_table.h"
#include "syscall/await_signal.h"
#include "syscall/handlers.h"
#include "syscall/process_descriptor.h"
#include "syscall/sleep.h"
#include "syscall/table.h"
#include "syscall/user_signal.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

constexpr std::uint64_t kSetBytes = sizeof(SignalSet);

SignalInfo from_self(const Call& call, int signal, int code) {
  return SignalInfo::sent(signal, code, call.process().pid(), getuid());
}

bool is_valid_or_zero(int signal) { return signal == 0 || is_signal(signal); }

/// Linux: check_kill_permission, by the users alone.
Result<void> may_kill(const Call& call, Process& target, int signal) {
  const auto identity = call.processes().identity(target.pid());
  if (!identity) return fail(Errno::kSrch);
  const auto is_target = [&](unsigned uid) {
    return uid == identity->users.real || uid == identity->users.saved;
  };
  if (is_target(geteuid()) || is_target(getuid()) || has_capability(CAP_KILL)) return {};
  const auto self = call.processes().identity(call.process().pid());
  if (signal == SIGCONT && self && self->session == identity->session) return {};
  return fail(Errno::kPerm);
}

Result<void> kill_one(const Call& call, Process& target, const SignalInfo& info) {
  GONZO_TRY(may_kill(call, target, info.signal));
  if (info.signal == 0) return {};
  return send_signal(target, info);
}

/// One that was reached is enough (Linux: __kill_pgrp_info, kill_something_info).
std::int64_t kill_many(const Call& call, const std::vector<std::shared_ptr<Process>>& targets,
                       const SignalInfo& info) {
  std::int64_t result = -ESRCH;
  for (const auto& target : targets) {
    const std::int64_t one = raw(kill_one(call, *target, info));
    if (one == 0 || result == -ESRCH) result = one;
  }
  return result;
}

std::int64_t kill_group(const Call& call, int group, const SignalInfo& info) {
  return kill_many(call, call.processes().group(group), info);
}

/// Everybody but the caller and the first (Linux: kill(-1)).
std::int64_t kill_all(const Call& call, const SignalInfo& info) {
  auto targets = call.processes().all();
  std::erase_if(targets, [&](const auto& each) {
    return each->pid() == kFirstProcess || each->pid() == call.process().pid();
  });
  return kill_many(call, targets, info);
}

/// `tgid` 0: whatever process the thread is of.
std::int64_t send_to_thread(Call& call, int tgid, int tid, const SignalInfo& info) {
  const auto target = call.processes().find_task(tid);
  if (target == nullptr || (tgid != 0 && target->process().pid() != tgid)) return -ESRCH;
  if (const auto allowed = may_kill(call, target->process(), info.signal); !allowed) {
    return raw(allowed.error());
  }
  return info.signal == 0 ? 0 : raw(send_signal(*target, info));
}

/// As only the kernel or tgkill may send it to others.
bool is_kernels(const SignalInfo& info) { return info.code >= 0 || info.code == SI_TKILL; }

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
  const SignalSet pending = call.task.pending().set() | call.process().pending().set();
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
  std::optional<timespec> deadline;
  if (!call.is_null(2)) {
    const auto given = load_longs<timespec>(call, call.address(2));
    if (!given) return raw(given.error());
    if (!is_valid(*given)) return -EINVAL;
    const auto until = deadline_after(CLOCK_MONOTONIC, *given);
    if (!until) return raw(until.error());
    deadline = *until;
  }
  constexpr SignalSet kUnblockable = signal_bit(SIGKILL) | signal_bit(SIGSTOP);
  const auto info = await_signal(call, *set & ~kUnblockable, deadline);
  if (!info) return raw(info.error());
  if (!call.is_null(1)) {
    if (auto stored = store_signal_info(call, call.address(1), *info); !stored) {
      return raw(stored.error());
    }
  }
  return info->signal;
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
  const int pid = call.integer(0), signal = call.integer(1);
  if (!is_valid_or_zero(signal)) return -EINVAL;
  const SignalInfo info = from_self(call, signal, SI_USER);
  if (pid == INT32_MIN) return -ESRCH;
  if (pid == -1) return kill_all(call, info);
  if (pid < 0) return kill_group(call, -pid, info);
  if (pid == 0)
    return kill_group(call, call.processes().identity(call.process().pid())->group, info);
  const auto target = call.processes().find(pid);
  if (target != nullptr) return raw(kill_one(call, *target, info));
  // A thread's number means its process.
  const auto task = call.processes().find_task(pid);
  return task == nullptr ? -ESRCH : raw(kill_one(call, task->process(), info));
}

std::int64_t sys_tkill(Call& call) {
  if (call.integer(0) <= 0 || !is_valid_or_zero(call.integer(1))) return -EINVAL;
  return send_to_thread(call, 0, call.integer(0), from_self(call, call.integer(1), SI_TKILL));
}

std::int64_t sys_tgkill(Call& call) {
  if (call.integer(0) <= 0 || call.integer(1) <= 0) return -EINVAL;
  if (!is_valid_or_zero(call.integer(2))) return -EINVAL;
  return send_to_thread(call, call.integer(0), call.integer(1),
                        from_self(call, call.integer(2), SI_TKILL));
}

std::int64_t sys_rt_sigqueueinfo(Call& call) {
  const int pid = call.integer(0), signal = call.integer(1);
  const auto info = queued_info(call, 2, signal);
  if (!info) return raw(info.error());
  if (is_kernels(*info) && pid != call.process().pid()) return -EPERM;
  if (!is_valid_or_zero(signal)) return -EINVAL;
  const auto target = call.processes().find(pid);
  return target == nullptr ? -ESRCH : raw(kill_one(call, *target, *info));
}

std::int64_t sys_rt_tgsigqueueinfo(Call& call) {
  const int signal = call.integer(2);
  const auto info = queued_info(call, 3, signal);
  if (!info) return raw(info.error());
  if (call.integer(0) <= 0 || call.integer(1) <= 0) return -EINVAL;
  if (is_kernels(*info) && call.integer(1) != call.task.tid()) return -EPERM;
  if (!is_valid_or_zero(signal)) return -EINVAL;
  return send_to_thread(call, call.integer(0), call.integer(1), *info);
}

namespace {

enum class Scope : unsigned {
  kDescriptors = 0,
  kThread = 1,
  kProcess = 2,
  kGroup = 4
};  // PIDFD_SIGNAL_*

std::int64_t send_through(Call& call, const ProcessDescriptor& to, const SignalInfo& info) {
  const auto scope = static_cast<Scope>(call.word(3));
  const bool to_thread = scope == Scope::kThread ||
                         (scope == Scope::kDescriptors && to.of == ProcessFile::Of::kThread);
  if (to.process == nullptr) return -ESRCH;
  if (scope == Scope::kGroup) return kill_group(call, to.id, info);
  if (to_thread) return send_to_thread(call, to.process->pid(), to.id, info);
  return raw(kill_one(call, *to.process, info));
}

}  // namespace

/// In this order. EINVAL: flags; EBADF: no pidfd, no directory of /proc; EFAULT, EINVAL: the
/// information is not about that signal, or EPERM: pretends to be the kernel's; ESRCH, EPERM,
/// EINVAL: no signal.
std::int64_t sys_pidfd_send_signal(Call& call) {
  const unsigned flags = call.word(3);
  if (flags > 4 || (flags & (flags - 1)) != 0) return -EINVAL;
  const auto to = process_descriptor_or_directory(call, call.integer(0));
  if (!to) return raw(to.error());
  const int signal = call.integer(1);
  SignalInfo info = from_self(call, signal, SI_USER);
  if (!call.is_null(2)) {
    const auto given = load_signal_info(call, call.address(2));
    if (!given) return raw(given.error());
    if (given->signal != signal) return -EINVAL;
    if (to->process != call.process().shared_from_this() && is_kernels(*given)) return -EPERM;
    info = *given;
  }
  if (!is_valid_or_zero(signal)) return -EINVAL;
  return send_through(call, *to, info);
}

}  // namespace gonzo
