// fork(2), vfork(2), clone(2), clone3(2): their arguments. Linux: kernel/fork.c.
#include <linux/sched.h>

#include <csignal>

#include "kernel/clone.h"
#include "syscall/handlers.h"
#include "syscall/i386/handlers.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

constexpr std::uint64_t kSignalMask = CSIGNAL;

std::int64_t clone(Call& call, const CloneRequest& request) {
  return raw(clone_task(call.task, request));
}

/// i386's CLONE_SETTLS says which segment and what it is. EFAULT; EINVAL.
Result<std::optional<UserDescriptor>> load_segment(Call& call, std::uint64_t flags, VirtAddr from) {
  if (!call.is_i386() || (flags & CLONE_SETTLS) == 0) return std::nullopt;
  GONZO_ASSIGN(const auto user, call.memory().load<UserDescriptor>(from));
  GONZO_TRY(check_segment(user));
  return user;
}

/// Linux: clone3_args_valid and the checks of copy_clone_args_from_user.
Result<void> check(const clone_args& arguments) {
  if ((arguments.set_tid == 0) != (arguments.set_tid_size == 0)) return fail(Errno::kInval);
  if ((arguments.exit_signal & ~kSignalMask) != 0 || arguments.exit_signal > kSignals) {
    return fail(Errno::kInval);
  }
  if ((arguments.flags & (CLONE_DETACHED | kSignalMask)) != 0) return fail(Errno::kInval);
  const bool family = (arguments.flags & (CLONE_THREAD | CLONE_PARENT)) != 0;
  if (family && arguments.exit_signal != 0) return fail(Errno::kInval);
  if ((arguments.stack == 0) != (arguments.stack_size == 0)) return fail(Errno::kInval);
  // What a kernel of this version without these features says.
  if (arguments.set_tid_size != 0) return fail(Errno::kPerm);
  return {};
}

}  // namespace

std::int64_t sys_fork(Call& call) { return clone(call, {.exit_signal = SIGCHLD}); }

std::int64_t sys_vfork(Call& call) {
  return clone(call, {.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD});
}

/// The old call has one place for two answers.
std::int64_t sys_clone(Call& call) {
  const std::uint64_t flags = call.word(0) & ~kSignalMask;
  constexpr std::uint64_t kBoth = CLONE_PIDFD | CLONE_PARENT_SETTID;
  if ((flags & kBoth) == kBoth) return -EINVAL;
  const auto segment = load_segment(call, flags, call.address(4));
  if (!segment) return raw(segment.error());
  return clone(call, {.flags = flags,
                      .exit_signal = static_cast<int>(call[0] & kSignalMask),
                      .stack_pointer = call[1],
                      .parent_tid = call.address(2),
                      .child_tid = call.address(3),
                      .tls = call[4],
                      .segment = *segment,
                      .pidfd = call.address(2)});
}

std::int64_t sys_clone3(Call& call) {
  const auto arguments =
      load_extensible<clone_args>(call, call.address(0), call[1], CLONE_ARGS_SIZE_VER0);
  if (!arguments) return raw(arguments.error());
  if (const auto good = check(*arguments); !good) return raw(good.error());
  constexpr std::uint64_t kBoth = CLONE_PIDFD | CLONE_PARENT_SETTID;
  if ((arguments->flags & kBoth) == kBoth && arguments->pidfd == arguments->parent_tid) {
    return -EINVAL;
  }
  const auto segment = load_segment(call, arguments->flags, VirtAddr(arguments->tls));
  if (!segment) return raw(segment.error());
  return clone(call, {.flags = arguments->flags,
                      .exit_signal = static_cast<int>(arguments->exit_signal),
                      .stack_pointer = arguments->stack + arguments->stack_size,
                      .parent_tid = VirtAddr(arguments->parent_tid),
                      .child_tid = VirtAddr(arguments->child_tid),
                      .tls = arguments->tls,
                      .segment = *segment,
                      .pidfd = VirtAddr(arguments->pidfd)});
}

}  // namespace gonzo
