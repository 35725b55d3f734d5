// The frame that a signal handler runs on. Linux: struct rt_sigframe, arch/x86/kernel/signal_64.c,
// arch/x86/include/uapi/asm/{sigcontext,ucontext}.h.
#pragma once

#include <array>
#include <cstdint>

#include "kernel/signal_actions.h"
#include "kernel/signal_info.h"
#include "kernel/task.h"
#include <gonzo/base/result.h>

namespace gonzo {

/// struct sigcontext of x86-64: the order that every debugger and unwinder knows.
struct SignalContext {
  std::uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
  std::uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
  std::uint16_t cs, gs, fs, ss;
  std::uint64_t error_code, trap_number, old_mask, fault_address;
  std::uint64_t extended_state;  ///< its address; 0 for none
  std::array<std::uint64_t, 8> reserved;
};
static_assert(sizeof(SignalContext) == 256);

struct UserContext {
  std::uint64_t flags;
  std::uint64_t link;
  SignalStack stack;
  SignalContext registers;
  SignalSet mask;
};
static_assert(sizeof(UserContext) == 304);

struct SignalFrame {
  std::uint64_t return_address;  ///< pretcode: SA_RESTORER's function
  UserContext context;
  SignalInfo info;
};
static_assert(sizeof(SignalFrame) == 440);

/// Puts the frame on the guest's stack and points the registers at the handler, which gets i386's
/// frame if it was installed by i386's call (kI386Action). `mask`: what
/// rt_sigreturn restores. EFAULT: no room, or no SA_RESTORER; nothing of the task changed then.
Result<void> push_signal_frame(Task& task, const SignalInfo& info, const SignalAction& action,
                               SignalSet mask);

/// Takes registers, mask and alternate stack from the frame at the guest's stack pointer. Of the
/// flags only those that a program may change, of the segments none. EFAULT, EINVAL: a frame that
/// cannot be read or loaded.
Result<void> pop_signal_frame(Task& task);

}  // namespace gonzo
