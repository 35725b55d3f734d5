// The frames that a handler of an i386 program runs on. Linux: struct sigframe_ia32 and
// rt_sigframe_ia32 (arch/x86/include/asm/sigframe.h), arch/x86/kernel/signal_32.c.
#pragma once

#include <array>
#include <cstdint>

#include "kernel/signal_actions.h"
#include "kernel/signal_info_i386.h"
#include "kernel/task.h"
#include <gonzo/base/result.h>

namespace gonzo {

/// struct sigcontext_32.
struct I386SignalContext {
  std::uint32_t gs, fs, es, ds;  ///< 16 bits each
  std::uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
  std::uint32_t trap_number, error_code, eip, cs, eflags, esp_at_signal, ss;
  std::uint32_t float_state;  ///< its address; 0 for none
  std::uint32_t old_mask, fault_address;
};
static_assert(sizeof(I386SignalContext) == 88);

/// compat_stack_t.
struct I386SignalStack {
  std::uint32_t base;
  std::int32_t flags;
  std::uint32_t size;
};

struct I386UserContext {
  std::uint32_t flags, link;
  I386SignalStack stack;
  I386SignalContext registers;
  std::array<std::uint32_t, 2> mask;
};
static_assert(sizeof(I386UserContext) == 116);

/// Of an action with SA_SIGINFO.
struct I386InfoFrame {
  std::uint32_t return_address;
  std::int32_t signal;
  std::uint32_t info_address, context_address;
  I386SignalInfo info;
  I386UserContext context;
  std::array<std::uint8_t, 8> return_code;
};
static_assert(sizeof(I386InfoFrame) == 268);

/// Of one without.
struct I386PlainFrame {
  std::uint32_t return_address;
  std::int32_t signal;
  I386SignalContext registers;
  std::array<std::byte, 624> unused;  ///< where the floating-point state once was
  std::uint32_t high_mask;
  std::array<std::uint8_t, 8> return_code;
};
static_assert(sizeof(I386PlainFrame) == 732);

/// As push_signal_frame and pop_signal_frame do it for x86-64. Without SA_RESTORER the handler
/// returns to code in the frame itself.
Result<void> push_i386_signal_frame(Task& task, const SignalInfo& info, const SignalAction& action,
                                    SignalSet mask);
Result<void> pop_i386_info_frame(Task& task);
Result<void> pop_i386_plain_frame(Task& task);

}  // namespace gonzo
