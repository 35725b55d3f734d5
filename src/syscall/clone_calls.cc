// fork(2), vfork(2), clone(2), clone3(2): their arguments. Linux: kernel/fork.c.
#include <linux/sched.h>

#include <csignal>

#include "kernel/clone.h"
#include "syscall/handlers.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

constexpr std::uint64_t kSignalMask = CSIGNAL;

std::int64_t clone(Call& call, const CloneRequest& request) {
  return raw(clone_task(call.task, request));
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

std::int64_t sys_clone(Call& call) {
  return clone(call, {.flags = call.word(0) & ~kSignalMask,
                      .exit_signal = static_cast<int>(call[0] & kSignalMask),
                      .stack_pointer = call[1],
                      .parent_tid = call.address(2),
                      .child_tid = call.address(3),
                      .tls = call[4]});
}

std::int64_t sys_clone3(Call& call) {
  const auto arguments =
      load_extensible<clone_args>(call, call.address(0), call[1], CLONE_ARGS_SIZE_VER0);
  if (!arguments) return raw(arguments.error());
  if (const auto good = check(*arguments); !good) return raw(good.error());
  return clone(call, {.flags = arguments->flags,
                      .exit_signal = static_cast<int>(arguments->exit_signal),
                      .stack_pointer = arguments->stack + arguments->stack_size,
                      .parent_tid = VirtAddr(arguments->parent_tid),
                      .child_tid = VirtAddr(arguments->child_tid),
                      .tls = arguments->tls});
}

}  // namespace gonzo
