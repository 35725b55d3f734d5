#include "kernel/kick.h"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "kernel/interruptible_window.h"

namespace gonzo {
namespace {

void on_kick(int, siginfo_t*, void* context) {
  greg_t& rip = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
  rip = static_cast<greg_t>(leave_interruptible_window(static_cast<std::uintptr_t>(rip)));
}

}  // namespace

void install_kick() {
  struct sigaction action{};
  action.sa_sigaction = on_kick;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(kKickSignal, &action, nullptr);
}

void kick(pid_t thread) {
  const int saved = errno;
  syscall(SYS_tgkill, getpid(), thread, kKickSignal);
  errno = saved;
}

}  // namespace gonzo
