// The process itself: identity, limits, scheduling.
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "syscall/handlers.h"
#include "syscall/table.h"

namespace gonzo {

namespace {

constexpr std::uint32_t kRlimitBytes = 16;
constexpr std::uint32_t kUsageBytes = sizeof(rusage);

constexpr Argument user() { return integer(); }
constexpr Argument user_out() { return out_struct(sizeof(unsigned)).shown_as(Style::kIntegers); }
constexpr Argument rlimit_in() { return pointer(Direction::kIn, Style::kRlimit, kRlimitBytes); }
constexpr Argument rlimit_out() { return pointer(Direction::kOut, Style::kRlimit, kRlimitBytes); }

constexpr SyscallRow kRows[] = {
    {SYS_exit, "exit", call(sys_exit, integer()).returns(Returns::kNothing)},
    {SYS_exit_group, "exit_group", call(sys_exit_group, integer()).returns(Returns::kNothing)},
    {SYS_getpid, "getpid", call(sys_getpid)},
    {SYS_getppid, "getppid", call(sys_getppid)},
    {SYS_gettid, "gettid", call(sys_gettid)},
    {SYS_getpgrp, "getpgrp", call(sys_getpgrp)},
    {SYS_getpgid, "getpgid", call(sys_getpgid, integer())},
    {SYS_getsid, "getsid", call(sys_getsid, integer())},
    {SYS_arch_prctl, "arch_prctl", call(sys_arch_prctl, flags(symbols::kArchPrctl), address())},
    {SYS_set_tid_address, "set_tid_address", call(sys_set_tid_address, address())},
    {SYS_set_robust_list, "set_robust_list", call(sys_set_robust_list, address(), size())},
    {SYS_get_robust_list, "get_robust_list",
     call(sys_get_robust_list, integer(), pointer(Direction::kOut), pointer(Direction::kOut))},
    {SYS_prctl, "prctl", call(sys_prctl, flags(symbols::kPrctl), hex(), hex(), hex(), hex())},
    {SYS_wait4, "wait4",
     call(sys_wait4, integer(), pointer(Direction::kOut), hex(), pointer(Direction::kOut))
         .when_interrupted(Interruption::kRestarts)},
    {SYS_waitid, "waitid",
     call(sys_waitid, integer(), integer(), pointer(Direction::kOut), hex(),
          pointer(Direction::kOut))
         .when_interrupted(Interruption::kRestarts)},
    {SYS_fork, "fork", call(sys_fork)},
    {SYS_vfork, "vfork", call(sys_vfork)},
    {SYS_clone, "clone",
     call(sys_clone, flags(symbols::kCloneFlags), address(), address(), address(), hex())},
    {SYS_clone3, "clone3", call(sys_clone3, pointer(), size())},
    {SYS_execve, "execve", call(sys_execve, path(), pointer(), pointer())},
    {SYS_execveat, "execveat",
     call(sys_execveat, dirfd(), path(), pointer(), pointer(), flags(symbols::kAt))},

    {SYS_uname, "uname", pass(out_struct(sizeof(utsname)))},
    {SYS_getuid, "getuid", pass()},
    {SYS_geteuid, "geteuid", pass()},
    {SYS_getgid, "getgid", pass()},
    {SYS_getegid, "getegid", pass()},
    {SYS_getresuid, "getresuid", pass(user_out(), user_out(), user_out())},
    {SYS_getresgid, "getresgid", pass(user_out(), user_out(), user_out())},
    {SYS_getgroups, "getgroups",
     pass(integer(), out_buffer(0, sizeof(unsigned))
                         .shown_as(Style::kIntegers)
                         .at_most(65536 * sizeof(unsigned)))},
    {SYS_setuid, "setuid", call(sys_set_user, user())},
    {SYS_setgid, "setgid", call(sys_set_user, user())},
    {SYS_setreuid, "setreuid", call(sys_set_user, user(), user())},
    {SYS_setregid, "setregid", call(sys_set_user, user(), user())},
    {SYS_setresuid, "setresuid", call(sys_set_user, user(), user(), user())},
    {SYS_setresgid, "setresgid", call(sys_set_user, user(), user(), user())},
    {SYS_setfsuid, "setfsuid", call(sys_set_user, user())},
    {SYS_setfsgid, "setfsgid", call(sys_set_user, user())},
    {SYS_setgroups, "setgroups",
     pass(integer(), in_buffer(0, sizeof(unsigned)).at_most(65536 * sizeof(unsigned)))},

    {SYS_getrlimit, "getrlimit", call(sys_getrlimit, flags(symbols::kResource), rlimit_out())},
    {SYS_setrlimit, "setrlimit", call(sys_setrlimit, flags(symbols::kResource), rlimit_in())},
    {SYS_prlimit64, "prlimit64",
     call(sys_prlimit64, integer(), flags(symbols::kResource), rlimit_in(), rlimit_out())},
    {SYS_getrusage, "getrusage",
     call(sys_getrusage, flags(symbols::kUsage),
          pointer(Direction::kOut, Style::kAddress, kUsageBytes))},
    {SYS_times, "times", call(sys_times, pointer(Direction::kOut))},
    {SYS_sysinfo, "sysinfo", call(sys_sysinfo, pointer(Direction::kOut))},

    {SYS_personality, "personality", call(sys_personality, hex()).returns(Returns::kHex)},
    {SYS_capget, "capget", call(sys_capget, pointer(Direction::kInOut), pointer(Direction::kOut))},
    {SYS_capset, "capset", call(sys_capset, pointer(Direction::kInOut), pointer())},
    {SYS_getpriority, "getpriority", call(sys_priority, integer(), integer())},
    {SYS_setpriority, "setpriority", call(sys_priority, integer(), integer(), integer())},
    {SYS_setpgid, "setpgid", call(sys_setpgid, integer(), integer())},
    {SYS_setsid, "setsid", call(sys_setsid)},

    {SYS_sched_setparam, "sched_setparam", call(sys_sched_setparam, integer(), pointer())},
    {SYS_sched_setscheduler, "sched_setscheduler",
     call(sys_sched_setscheduler, integer(), integer(), pointer())},
    {SYS_sched_rr_get_interval, "sched_rr_get_interval",
     call(sys_sched_rr_get_interval, integer(), pointer(Direction::kOut))},
    {SYS_sched_getattr, "sched_getattr",
     call(sys_sched_getattr, integer(), pointer(Direction::kOut), size(), hex())},
    {SYS_sched_setattr, "sched_setattr", call(sys_sched_setattr, integer(), pointer(), hex())},
    {SYS_ioprio_get, "ioprio_get", call(sys_ioprio_get, integer(), integer())},
    {SYS_ioprio_set, "ioprio_set", call(sys_ioprio_set, integer(), integer(), hex())},
    {SYS_kcmp, "kcmp", call(sys_kcmp, integer(), integer(), integer(), hex(), hex())},
    {SYS_pidfd_send_signal, "pidfd_send_signal",
     call(sys_pidfd_send_signal, fd(), integer(), pointer(), hex())},
    {SYS_pidfd_getfd, "pidfd_getfd", call(sys_pidfd_getfd, fd(), integer(), hex())},
    {SYS_sched_yield, "sched_yield", pass()},
    {SYS_sched_setaffinity, "sched_setaffinity",
     call(sys_sched_setaffinity, integer(), size(), pointer())},
    {SYS_sched_getscheduler, "sched_getscheduler", call(sys_sched_getscheduler, integer())},
    {SYS_sched_getparam, "sched_getparam",
     call(sys_sched_getparam, integer(), pointer(Direction::kOut))},
    {SYS_sched_getaffinity, "sched_getaffinity",
     call(sys_sched_getaffinity, integer(), size(), pointer(Direction::kOut))},
    {SYS_sched_get_priority_max, "sched_get_priority_max", pass(integer())},
    {SYS_sched_get_priority_min, "sched_get_priority_min", pass(integer())},
    {SYS_getcpu, "getcpu",
     pass(out_struct(sizeof(unsigned)).shown_as(Style::kIntegers).or_null(),
          out_struct(sizeof(unsigned)).shown_as(Style::kIntegers).or_null(), address())},
};

}  // namespace

std::span<const SyscallRow> process_rows() { return kRows; }

}  // namespace gonzo
