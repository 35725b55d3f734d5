#include "kernel/kick.h"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "kernel/interruptible_window.h"

asm(R"(
        .pushsection .text
        .hidden gonzo_kick_restorer
        .globl gonzo_kick_restorer
        .type gonzo_kick_restorer, @function
gonzo_kick_restorer:
        movl $15, %eax
        syscall
        .size gonzo_kick_restorer, . - gonzo_kick_restorer
        .popsection
)");

extern "C" void gonzo_kick_restorer();

namespace gonzo {
namespace {

/// What rt_sigaction(2) takes.
struct KernelSigaction {
  void (*handler)(int, siginfo_t*, void*);
  std::uint64_t flags;
  void (*restorer)();
  std::uint64_t mask;
};

// At any instruction, and of ThreadSanitizer's runtime, too.
__attribute__((no_sanitize("thread"))) void on_kick(int, siginfo_t*, void* context) {
  greg_t& rip = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
  rip = static_cast<greg_t>(leave_interruptible_window(static_cast<std::uintptr_t>(rip)));
}

}  // namespace

/// Past the C library: ThreadSanitizer's sigaction runs handlers when the thread's call has ended,
/// and this one is what ends it.
void install_kick() {
  constexpr std::uint64_t kRestorer = 0x04000000;  // SA_RESTORER
  const KernelSigaction action{.handler = on_kick,
                               .flags = SA_SIGINFO | SA_RESTART | kRestorer,
                               .restorer = gonzo_kick_restorer,
                               .mask = 0};
  syscall(SYS_rt_sigaction, kKickSignal, &action, nullptr, sizeof action.mask);
}

void kick(pid_t thread) {
  const int saved = errno;
  syscall(SYS_tgkill, getpid(), thread, kKickSignal);
  errno = saved;
}

}  // namespace gonzo
