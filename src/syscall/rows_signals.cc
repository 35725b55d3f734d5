// Signals.
#include <sys/syscall.h>

#include "syscall/handlers.h"
#include "syscall/table.h"

namespace gonzo {

namespace {

constexpr Argument sigset_in() { return pointer(Direction::kIn, Style::kSigset, 8); }
constexpr Argument sigset_out() { return pointer(Direction::kOut, Style::kSigset, 8); }
constexpr Argument action_in() { return pointer(Direction::kIn, Style::kSigaction, 32); }
constexpr Argument action_out() { return pointer(Direction::kOut, Style::kSigaction, 32); }

constexpr SyscallRow kRows[] = {
    {SYS_rt_sigaction, "rt_sigaction",
     call(sys_rt_sigaction, signal_number(), action_in(), action_out(), size())},
    {SYS_rt_sigprocmask, "rt_sigprocmask",
     call(sys_rt_sigprocmask, flags(symbols::kSignalHow), sigset_in(), sigset_out(), size())},
    {SYS_rt_sigpending, "rt_sigpending", call(sys_rt_sigpending, sigset_out(), size())},
    {SYS_rt_sigreturn, "rt_sigreturn", call(sys_rt_sigreturn).returns(Returns::kNothing)},
    {SYS_rt_sigsuspend, "rt_sigsuspend",
     call(sys_rt_sigsuspend, sigset_in(), size()).when_interrupted(Interruption::kNoHandler)},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait",
     call(sys_rt_sigtimedwait, sigset_in(), pointer(Direction::kOut),
          pointer(Direction::kIn, Style::kTimespec, 16), size())
         .when_interrupted(Interruption::kNever)},
    {SYS_sigaltstack, "sigaltstack", call(sys_sigaltstack, pointer(), pointer(Direction::kOut))},
    {SYS_pause, "pause", call(sys_pause).when_interrupted(Interruption::kNoHandler)},
    {SYS_kill, "kill", call(sys_kill, integer(), signal_number())},
    {SYS_tkill, "tkill", call(sys_tkill, integer(), signal_number())},
    {SYS_tgkill, "tgkill", call(sys_tgkill, integer(), integer(), signal_number())},
    {SYS_rt_sigqueueinfo, "rt_sigqueueinfo",
     call(sys_rt_sigqueueinfo, integer(), signal_number(), pointer())},
    {SYS_rt_tgsigqueueinfo, "rt_tgsigqueueinfo",
     call(sys_rt_tgsigqueueinfo, integer(), integer(), signal_number(), pointer())},
    {SYS_restart_syscall, "restart_syscall",
     call(sys_restart_syscall).when_interrupted(Interruption::kNever)},
    {SYS_signalfd, "signalfd", call(sys_signalfd, fd(), sigset_in(), size())},
    {SYS_signalfd4, "signalfd4", call(sys_signalfd4, fd(), sigset_in(), size(), hex())},
    {SYS_alarm, "alarm", call(sys_alarm, integer())},
    {SYS_getitimer, "getitimer",
     call(sys_getitimer, flags(symbols::kTimerWho), pointer(Direction::kOut))},
    {SYS_setitimer, "setitimer",
     call(sys_setitimer, flags(symbols::kTimerWho), pointer(), pointer(Direction::kOut))},
};

}  // namespace

std::span<const SyscallRow> signal_rows() { return kRows; }

}  // namespace gonzo
