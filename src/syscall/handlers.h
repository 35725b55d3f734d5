// The calls that are ours, by file. Each returns its result or -errno.
#pragma once

#include <fcntl.h>

#include <cstdint>

#include "syscall/call.h"

namespace gonzo {

// transfer_calls.cc
std::int64_t sys_read(Call& call);
std::int64_t sys_write(Call& call);
std::int64_t sys_pread64(Call& call);
std::int64_t sys_pwrite64(Call& call);
std::int64_t sys_readv(Call& call);
std::int64_t sys_writev(Call& call);
std::int64_t sys_preadv(Call& call);
std::int64_t sys_pwritev(Call& call);
std::int64_t sys_preadv2(Call& call);
std::int64_t sys_pwritev2(Call& call);
std::int64_t sys_getrandom(Call& call);

// coherent_calls.cc: file contents change, or move, below the page cache
std::int64_t sys_truncate(Call& call);
std::int64_t sys_ftruncate(Call& call);
std::int64_t sys_fallocate(Call& call);
std::int64_t sys_fsync(Call& call);
std::int64_t sys_sync(Call& call);
std::int64_t sys_sendfile(Call& call);
std::int64_t sys_copy_file_range(Call& call);
std::int64_t sys_splice(Call& call);

/// The host's file has its new size: what lies past it goes from page tables and cache.
std::int64_t follow_size(Call& call, const OpenFile& file, std::uint64_t size);

// open_calls.cc
std::int64_t sys_open(Call& call);
std::int64_t sys_creat(Call& call);
std::int64_t sys_openat(Call& call);
std::int64_t sys_openat2(Call& call);

// stat_calls.cc: calls by name or descriptor that /proc answers otherwise
std::int64_t sys_stat(Call& call);
std::int64_t sys_lstat(Call& call);
std::int64_t sys_fstat(Call& call);
std::int64_t sys_newfstatat(Call& call);
std::int64_t sys_statx(Call& call);
std::int64_t sys_access(Call& call);
std::int64_t sys_faccessat(Call& call);
std::int64_t sys_readlink(Call& call);
std::int64_t sys_readlinkat(Call& call);
std::int64_t sys_lseek(Call& call);

// directory_calls.cc
std::int64_t sys_getdents(Call& call);
std::int64_t sys_getcwd(Call& call);

// descriptor_calls.cc
std::int64_t sys_close(Call& call);
std::int64_t sys_close_range(Call& call);
std::int64_t sys_dup(Call& call);
std::int64_t sys_dup2(Call& call);
std::int64_t sys_dup3(Call& call);
std::int64_t sys_fcntl(Call& call);
std::int64_t sys_pipe(Call& call);
std::int64_t sys_pipe2(Call& call);
std::int64_t sys_socketpair(Call& call);
std::int64_t sys_ioctl(Call& call);

// record_lock_calls.cc
/// fcntl's F_GETLK, which changes `lock`, F_SETLK and F_SETLKW.
std::int64_t record_lock(Call& call, const OpenFile& file, int command, struct flock& lock);

// poll_calls.cc
std::int64_t sys_poll(Call& call);
std::int64_t sys_ppoll(Call& call);
std::int64_t sys_select(Call& call);
std::int64_t sys_pselect6(Call& call);
std::int64_t sys_epoll_ctl(Call& call);
std::int64_t sys_epoll_pwait(Call& call);

// socket_calls.cc
std::int64_t sys_sendto(Call& call);
std::int64_t sys_recvfrom(Call& call);
std::int64_t sys_sendmsg(Call& call);
std::int64_t sys_recvmsg(Call& call);
std::int64_t sys_sendmmsg(Call& call);
std::int64_t sys_recvmmsg(Call& call);

// memory_calls.cc
std::int64_t sys_mmap(Call& call);
std::int64_t sys_munmap(Call& call);
std::int64_t sys_mprotect(Call& call);
std::int64_t sys_brk(Call& call);
std::int64_t sys_mremap(Call& call);
std::int64_t sys_madvise(Call& call);
std::int64_t sys_msync(Call& call);
std::int64_t sys_mincore(Call& call);

// seal_calls.cc
/// fcntl(F_ADD_SEALS).
std::int64_t add_seals(Call& call, const OpenFile& file);

// shm_calls.cc
std::int64_t sys_shmget(Call& call);
std::int64_t sys_shmat(Call& call);
std::int64_t sys_shmdt(Call& call);
std::int64_t sys_shmctl(Call& call);

// lock_calls.cc
std::int64_t sys_mlock(Call& call);
std::int64_t sys_mlock2(Call& call);
std::int64_t sys_munlock(Call& call);
std::int64_t sys_mlockall(Call& call);
std::int64_t sys_munlockall(Call& call);

// privilege_calls.cc
std::int64_t sys_set_user(Call& call);
std::int64_t sys_capset(Call& call);

// area_calls.cc
std::int64_t sys_mseal(Call& call);
std::int64_t sys_remap_file_pages(Call& call);
std::int64_t set_area_name(Call& call);

// process_memory_calls.cc
std::int64_t sys_process_vm_readv(Call& call);
std::int64_t sys_process_vm_writev(Call& call);
std::int64_t sys_process_madvise(Call& call);
std::int64_t sys_pidfd_open(Call& call);
std::int64_t sys_pidfd_getfd(Call& call);
std::int64_t sys_pidfd_send_signal(Call& call);
std::int64_t sys_kcmp(Call& call);

// numa_calls.cc
std::int64_t sys_set_mempolicy(Call& call);
std::int64_t sys_get_mempolicy(Call& call);
std::int64_t sys_mbind(Call& call);
std::int64_t sys_set_mempolicy_home_node(Call& call);
std::int64_t sys_migrate_pages(Call& call);
std::int64_t sys_move_pages(Call& call);

// process_calls.cc
std::int64_t sys_exit(Call& call);
std::int64_t sys_exit_group(Call& call);
std::int64_t sys_getpid(Call& call);
std::int64_t sys_getppid(Call& call);
std::int64_t sys_gettid(Call& call);
std::int64_t sys_getpgrp(Call& call);
std::int64_t sys_getpgid(Call& call);
std::int64_t sys_getsid(Call& call);
std::int64_t sys_arch_prctl(Call& call);
std::int64_t sys_set_tid_address(Call& call);
std::int64_t sys_set_robust_list(Call& call);
std::int64_t sys_get_robust_list(Call& call);
std::int64_t sys_prctl(Call& call);
std::int64_t sys_personality(Call& call);
std::int64_t sys_capget(Call& call);
std::int64_t sys_priority(Call& call);
std::int64_t sys_setpgid(Call& call);
std::int64_t sys_setsid(Call& call);
std::int64_t sys_sched_setaffinity(Call& call);
std::int64_t sys_sched_setscheduler(Call& call);
std::int64_t sys_sched_setparam(Call& call);
std::int64_t sys_sched_rr_get_interval(Call& call);
std::int64_t sys_sched_getattr(Call& call);
std::int64_t sys_sched_setattr(Call& call);
std::int64_t sys_ioprio_get(Call& call);
std::int64_t sys_ioprio_set(Call& call);
std::int64_t sys_sched_getscheduler(Call& call);
std::int64_t sys_sched_getparam(Call& call);
std::int64_t sys_sched_getaffinity(Call& call);

// clone_calls.cc
std::int64_t sys_fork(Call& call);
std::int64_t sys_vfork(Call& call);
std::int64_t sys_clone(Call& call);
std::int64_t sys_clone3(Call& call);

// exec_calls.cc
std::int64_t sys_execve(Call& call);
std::int64_t sys_execveat(Call& call);

// wait_calls.cc
std::int64_t sys_wait4(Call& call);
std::int64_t sys_waitid(Call& call);

// timer_calls.cc
std::int64_t sys_alarm(Call& call);
std::int64_t sys_getitimer(Call& call);
std::int64_t sys_setitimer(Call& call);

// signal_file_calls.cc
std::int64_t sys_signalfd(Call& call);
std::int64_t sys_signalfd4(Call& call);

// posix_timer_calls.cc
std::int64_t sys_timer_create(Call& call);
std::int64_t sys_timer_settime(Call& call);
std::int64_t sys_timer_gettime(Call& call);
std::int64_t sys_timer_getoverrun(Call& call);
std::int64_t sys_timer_delete(Call& call);

// resource_calls.cc
std::int64_t sys_getrlimit(Call& call);
std::int64_t sys_setrlimit(Call& call);
std::int64_t sys_prlimit64(Call& call);
std::int64_t sys_getrusage(Call& call);
std::int64_t sys_times(Call& call);
std::int64_t sys_sysinfo(Call& call);

// signal_calls.cc
std::int64_t sys_rt_sigaction(Call& call);
std::int64_t sys_rt_sigprocmask(Call& call);
std::int64_t sys_rt_sigpending(Call& call);
std::int64_t sys_rt_sigreturn(Call& call);
std::int64_t sys_rt_sigsuspend(Call& call);
std::int64_t sys_rt_sigtimedwait(Call& call);
std::int64_t sys_sigaltstack(Call& call);
std::int64_t sys_pause(Call& call);
std::int64_t sys_kill(Call& call);
std::int64_t sys_tkill(Call& call);
std::int64_t sys_tgkill(Call& call);
std::int64_t sys_rt_sigqueueinfo(Call& call);
std::int64_t sys_rt_tgsigqueueinfo(Call& call);
std::int64_t sys_restart_syscall(Call& call);

// clock_calls.cc
std::int64_t sys_clock_gettime(Call& call);
std::int64_t sys_clock_getres(Call& call);
std::int64_t sys_gettimeofday(Call& call);
std::int64_t sys_time(Call& call);
std::int64_t sys_set_clock(Call& call);

// time_calls.cc
std::int64_t sys_nanosleep(Call& call);
std::int64_t sys_clock_nanosleep(Call& call);
std::int64_t sys_futex(Call& call);
/// restart_syscall's part of sys_futex.
std::int64_t restart_futex_wait(Call& call, const Task::RestartBlock& block);

}  // namespace gonzo
