/* The seccomp filter of every guest process: any system call made outside the stub traps, inside
 * it only what the stub needs goes through. */
#ifndef GONZO_MACHINE_HOST_STUB_FILTER_H
#define GONZO_MACHINE_HOST_STUB_FILTER_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "machine/host/stub/mailbox.h"

#define GONZO_I386_SET_THREAD_AREA 243 /* 64-bit code has no such call of its own */

#define GONZO_SPAWN_KEY 0x676f6e7au /* stands for the mailbox's spawn_key */

#define GONZO_LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define GONZO_LOAD_HIGH(field) \
  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field) + 4)
#define GONZO_RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define GONZO_ALLOW(number) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), GONZO_RETURN(SECCOMP_RET_ALLOW)

/* Guest calls come first: they are the many. */
static const struct sock_filter kFilter[] = {
    GONZO_LOAD_HIGH(instruction_pointer),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GONZO_STUB_BASE >> 32, 1, 0),
    GONZO_RETURN(SECCOMP_RET_TRAP),
    GONZO_LOAD(instruction_pointer),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)GONZO_STUB_BASE, 1, 0),
    GONZO_RETURN(SECCOMP_RET_TRAP),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)(GONZO_STUB_BASE + GONZO_STUB_TEXT_SIZE), 0, 1),
    GONZO_RETURN(SECCOMP_RET_TRAP),

    GONZO_LOAD(arch),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 5, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 0, 3),
    GONZO_LOAD(nr),
    GONZO_ALLOW(GONZO_I386_SET_THREAD_AREA),
    GONZO_RETURN(SECCOMP_RET_KILL_PROCESS),
    GONZO_LOAD(nr),
    GONZO_ALLOW(SYS_rt_sigreturn),
    GONZO_ALLOW(SYS_futex),
    GONZO_ALLOW(SYS_mmap),
    GONZO_ALLOW(SYS_munmap),
    GONZO_ALLOW(SYS_mprotect),
    GONZO_ALLOW(SYS_madvise),
    GONZO_ALLOW(SYS_arch_prctl),
    GONZO_ALLOW(SYS_sigaltstack),
    GONZO_ALLOW(SYS_rt_sigprocmask),
    GONZO_ALLOW(SYS_set_robust_list),
    GONZO_ALLOW(SYS_gettid),
    GONZO_ALLOW(SYS_clock_gettime),
    GONZO_ALLOW(SYS_getppid),
    GONZO_ALLOW(SYS_exit_group),
    /* A thread, or the zygote's copy: a guest that jumped here must not double its process, whose
     * slot the copy would keep when the runner has given it to another. */
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 6),
    GONZO_LOAD(args[0]),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 2, 0),
    GONZO_LOAD(args[4]),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GONZO_SPAWN_KEY, 0, 1),
    GONZO_RETURN(SECCOMP_RET_ALLOW),
    GONZO_RETURN(SECCOMP_RET_KILL_PROCESS),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
    GONZO_LOAD(args[0]),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_PDEATHSIG, 0, 1),
    GONZO_RETURN(SECCOMP_RET_ALLOW),
    GONZO_RETURN(SECCOMP_RET_KILL_PROCESS),
};

#endif
