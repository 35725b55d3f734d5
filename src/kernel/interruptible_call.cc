#include "kernel/interruptible_call.h"

#include "kernel/interruptible_window.h"
#include "kernel/system.h"

// From gonzo_call_begin on, a signal handler that finds the thread in here moves it to
// gonzo_call_cancel: the look at the flag and the call cannot be torn apart. As glibc does it for
// thread cancellation. rdi: the flag; rsi: the number; rdx: six arguments.
asm(R"(
        .pushsection .text
        .hidden gonzo_interruptible_call, gonzo_call_begin, gonzo_call_end, gonzo_call_cancel
        .globl gonzo_interruptible_call, gonzo_call_begin, gonzo_call_end, gonzo_call_cancel
        .type gonzo_interruptible_call, @function
gonzo_interruptible_call:
        .cfi_startproc
        movq %rdi, %r11
        movq %rsi, %rax
        movq %rdx, %rcx
        movq 0(%rcx), %rdi
        movq 8(%rcx), %rsi
        movq 16(%rcx), %rdx
        movq 24(%rcx), %r10
        movq 32(%rcx), %r8
        movq 40(%rcx), %r9
gonzo_call_begin:
        cmpl $0, (%r11)
        jne gonzo_call_cancel
        syscall
gonzo_call_end:
        ret
gonzo_call_cancel:
        movq $-4, %rax
        ret
        .cfi_endproc
        .size gonzo_interruptible_call, . - gonzo_interruptible_call
        .popsection
)");

extern "C" {
extern const char gonzo_call_begin, gonzo_call_end, gonzo_call_cancel;
long gonzo_interruptible_call(const void* flag, long number, const std::uint64_t* arguments);
}

namespace gonzo {

__attribute__((no_sanitize("thread"))) std::uintptr_t leave_interruptible_window(
    std::uintptr_t rip) {
  const auto begin = reinterpret_cast<std::uintptr_t>(&gonzo_call_begin);
  const auto end = reinterpret_cast<std::uintptr_t>(&gonzo_call_end);
  if (rip < begin || rip >= end) return rip;
  return reinterpret_cast<std::uintptr_t>(&gonzo_call_cancel);
}

std::int64_t interruptible_call(Task& task, long number,
                                const std::array<std::uint64_t, 6>& arguments) {
  static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
  // Whoever sets `attention` looks at `blocking` afterwards.
  const StallClock::Wait wait(task.process().system().memory().stalls());
  task.blocking().store(true);
  const long result = gonzo_interruptible_call(&task.attention(), number, arguments.data());
  task.blocking().store(false);
  return result;
}

}  // namespace gonzo
