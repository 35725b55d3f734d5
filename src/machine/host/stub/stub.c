/* The code that lives in a guest's host process: signal handlers that hand a trapped guest thread
 * to the runner, and the few system calls that the runner asks for. Freestanding, without data,
 * thread pointer or vector registers: all of those are the guest's. docs/machine-host.md. */
#include <asm/prctl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>

#include "machine/host/stub/filter.h"
#include "machine/host/stub/mailbox.h"
#include "machine/host/stub/raw_syscall.h"

typedef struct gonzo_mailbox Mailbox;

/* Hidden, or the linker turns their addresses into absolute ones. */
#pragma GCC visibility push(hidden)
extern void stub_restorer(void);
extern long stub_clone(unsigned long flags, Mailbox* child, void (*entry)(Mailbox*),
                       unsigned long stack, unsigned long key);
#pragma GCC visibility pop

struct kernel_sigaction { /* what rt_sigaction takes */
  void (*handler)(int, siginfo_t*, ucontext_t*);
  unsigned long flags;
  void (*restorer)(void);
  unsigned long mask;
};

#define CALL0(n) raw_syscall((n), 0, 0, 0, 0, 0, 0)
#define CALL1(n, a) raw_syscall((n), (long)(a), 0, 0, 0, 0, 0)
#define CALL2(n, a, b) raw_syscall((n), (long)(a), (long)(b), 0, 0, 0, 0)
#define CALL3(n, a, b, c) raw_syscall((n), (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define CALL4(n, a, b, c, d) raw_syscall((n), (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

static void __attribute__((noreturn)) die(void) {
  for (;;) CALL1(SYS_exit_group, 125);
}

/* ---- hand-off ---- */

static void give_turn_to_runner(Mailbox* mailbox) {
  unsigned before = __atomic_exchange_n(&mailbox->turn, GONZO_TURN_RUNNER, __ATOMIC_ACQ_REL);
  if (before & GONZO_TURN_SLEEPER) CALL3(SYS_futex, &mailbox->turn, FUTEX_WAKE, 1);
}

static int is_runners_turn(unsigned turn) { return (turn & GONZO_TURN_OWNER) == GONZO_TURN_RUNNER; }

static void wait_for_turn(Mailbox* mailbox) {
  const unsigned long start = __builtin_ia32_rdtsc();
  do {
    if (!is_runners_turn(__atomic_load_n(&mailbox->turn, __ATOMIC_ACQUIRE))) return;
    __builtin_ia32_pause();
  } while (__builtin_ia32_rdtsc() - start <
           __atomic_load_n(&mailbox->spin_ticks, __ATOMIC_RELAXED));
  for (;;) {
    unsigned turn = GONZO_TURN_RUNNER;
    __atomic_compare_exchange_n(&mailbox->turn, &turn, GONZO_TURN_RUNNER | GONZO_TURN_SLEEPER, 0,
                                __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    if (!is_runners_turn(turn)) return;
    CALL4(SYS_futex, &mailbox->turn, FUTEX_WAIT, GONZO_TURN_RUNNER | GONZO_TURN_SLEEPER, 0);
  }
}

/* ---- starting ---- */

static void die_with_runner(const Mailbox* mailbox) {
  CALL2(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
  if (CALL0(SYS_getppid) != (long)mailbox->parent_process) die(); /* it went before the call */
}

/* From here on traps of this thread land in its slot. */
static void own_slot(Mailbox* mailbox) {
  stack_t stack = {.ss_sp = (char*)mailbox + GONZO_MAILBOX_SIZE,
                   .ss_size = GONZO_SLOT_SIZE - GONZO_MAILBOX_SIZE};
  if (CALL2(SYS_sigaltstack, &stack, 0) != 0) die();
  mailbox->robust_next = (unsigned long)&mailbox->robust_entry;
  mailbox->robust_entry = (unsigned long)&mailbox->robust_next;
  mailbox->robust_offset = (long)((char*)&mailbox->turn - (char*)&mailbox->robust_entry);
  mailbox->robust_pending = 0;
  CALL2(SYS_set_robust_list, &mailbox->robust_next, 3 * sizeof(long));
  mailbox->thread_id = (unsigned)CALL0(SYS_gettid);
}

static void __attribute__((noreturn)) first_trap(void) {
  for (;;) __asm__ volatile("ud2"); /* the runner changes the frame that this makes */
}

static void start_process(Mailbox* mailbox) {
  const unsigned long own = (unsigned long)mailbox;
  die_with_runner(mailbox);
  CALL2(SYS_munmap, GONZO_SLOTS_BASE, own - GONZO_SLOTS_BASE);
  if (own + GONZO_SLOT_SIZE != GONZO_SLOTS_END) {
    CALL2(SYS_munmap, own + GONZO_SLOT_SIZE, GONZO_SLOTS_END - own - GONZO_SLOT_SIZE);
  }
  own_slot(mailbox);
  first_trap();
}

static void unblock_traps(void) {
  /* A stray SIGTERM or SIGINT is for the runner, not for a guest's process. */
  const unsigned long blocked = ~GONZO_HANDLED_SIGNALS;
  CALL4(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, 0, 8);
}

static void start_thread(Mailbox* mailbox) {
  own_slot(mailbox);
  unblock_traps(); /* its maker is in a handler, where all are blocked */
  first_trap();
}

static Mailbox* slot(unsigned long index) {
  return (Mailbox*)(GONZO_SLOTS_BASE + index * GONZO_SLOT_SIZE);
}

static long spawn_process(unsigned long index) {
  /* The parent is the runner, who reaps; the exit signal is inherited from the zygote: none. */
  return stub_clone(CLONE_PARENT, slot(index), start_process,
                    (unsigned long)slot(index) + GONZO_SLOT_SIZE, slot(0)->spawn_key);
}

static long spawn_thread(const Mailbox* mailbox, unsigned long index) {
  const long mapped =
      raw_syscall(SYS_mmap, (long)slot(index), GONZO_SLOT_SIZE, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_FIXED, mailbox->slots_fd, (long)(index * GONZO_SLOT_SIZE));
  if (mapped != (long)slot(index)) return mapped;
  return stub_clone(
      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, slot(index),
      start_thread, (unsigned long)slot(index) + GONZO_SLOT_SIZE, 0);
}

/* ---- commands ---- */

/* Sets an entry of the thread's own in the GDT. */
static long set_thread_area(const struct gonzo_command* command) {
  const long page = GONZO_LOW_PAGE;
  unsigned long* const descriptor = (unsigned long*)page;
  const long mapped = raw_syscall(SYS_mmap, page, GONZO_MAILBOX_SIZE, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (mapped != page) return mapped < 0 ? mapped : -17; /* EEXIST */
  descriptor[0] = command->address;
  descriptor[1] = command->length;
  const long result = raw_i386_syscall(GONZO_I386_SET_THREAD_AREA, (unsigned)page);
  CALL2(SYS_munmap, page, GONZO_MAILBOX_SIZE);
  return result;
}

static long execute_one(const Mailbox* mailbox, struct gonzo_command* command) {
  const long address = (long)command->address;
  const long length = (long)command->length;
  int flags = MAP_SHARED | MAP_FIXED | MAP_NORESERVE;
  long result;
  switch (command->operation) {
    case GONZO_OP_MAP_POPULATE:
      flags |= MAP_POPULATE;
      __attribute__((fallthrough));
    case GONZO_OP_MAP:
      result = raw_syscall(SYS_mmap, address, length, command->protection, flags, mailbox->arena_fd,
                           (long)command->argument);
      return result == address ? 0 : result;
    case GONZO_OP_UNMAP:
      return CALL2(SYS_munmap, address, length);
    case GONZO_OP_AGE:
      return CALL3(SYS_madvise, address, length, MADV_DONTNEED);
    case GONZO_OP_PROTECT:
      return CALL3(SYS_mprotect, address, length, command->protection);
    case GONZO_OP_SPAWN:
      return spawn_process(command->argument);
    case GONZO_OP_THREAD:
      return spawn_thread(mailbox, command->argument);
    case GONZO_OP_TLS:
      return set_thread_area(command);
    case GONZO_OP_CLOCK:
      return CALL2(SYS_clock_gettime, command->argument, &command->address);
    default:
      return -22; /* EINVAL */
  }
}

static void execute_commands(Mailbox* mailbox) {
  mailbox->resumed_at = __builtin_ia32_rdtsc();
  unsigned count = mailbox->command_count;
  unsigned i;
  if (count > GONZO_COMMAND_CAPACITY) count = GONZO_COMMAND_CAPACITY;
  for (i = 0; i < count; ++i) {
    struct gonzo_command* command = &mailbox->commands[i];
    command->result = (int)execute_one(mailbox, command);
    if (command->result < 0) break;
  }
  mailbox->commands_done = i;
  mailbox->trapped_at = __builtin_ia32_rdtscp(&mailbox->processor); /* if that was all */
}

/* ---- traps ---- */

static unsigned long read_base(const Mailbox* mailbox, int code) {
  unsigned long base = 0;
  if (mailbox->has_fsgsbase) {
    if (code == ARCH_GET_FS) {
      __asm__ volatile("rdfsbase %0" : "=r"(base));
    } else {
      __asm__ volatile("rdgsbase %0" : "=r"(base));
    }
    return base;
  }
  CALL2(SYS_arch_prctl, code, &base);
  return base;
}

static void write_base(const Mailbox* mailbox, int code, unsigned long base) {
  /* The instructions fault on a non-canonical base; arch_prctl only refuses it. */
  if (mailbox->has_fsgsbase && base < GONZO_TASK_END) {
    if (code == ARCH_SET_FS) {
      __asm__ volatile("wrfsbase %0" ::"r"(base));
    } else {
      __asm__ volatile("wrgsbase %0" ::"r"(base));
    }
    return;
  }
  CALL2(SYS_arch_prctl, code, base);
}

#define READ_SELECTOR(name, into) __asm__ volatile("mov %%" name ", %0" : "=r"(into))
/* A selector that cannot be loaded becomes 0, as in sigreturn: loading it would be a fault here. */
#define LOAD_SELECTOR(name, selector)                               \
  do {                                                              \
    unsigned loaded = (selector);                                   \
    unsigned char readable;                                         \
    __asm__ volatile("verr %w1" : "=@ccz"(readable) : "r"(loaded)); \
    if (!readable) loaded = 0;                                      \
    __asm__ volatile("mov %0, %%" name ::"r"(loaded));              \
  } while (0)

struct segments {
  unsigned ds, es, fs, gs;
  unsigned long fs_base, gs_base;
};

static void read_segments(const Mailbox* mailbox, struct segments* now) {
  READ_SELECTOR("ds", now->ds);
  READ_SELECTOR("es", now->es);
  READ_SELECTOR("fs", now->fs);
  READ_SELECTOR("gs", now->gs);
  now->fs_base = read_base(mailbox, ARCH_GET_FS);
  now->gs_base = read_base(mailbox, ARCH_GET_GS);
}

static void publish_segments(Mailbox* mailbox, const struct segments* now) {
  mailbox->ds = (unsigned short)now->ds;
  mailbox->es = (unsigned short)now->es;
  mailbox->fs = (unsigned short)now->fs;
  mailbox->gs = (unsigned short)now->gs;
  mailbox->fs_base = now->fs_base;
  mailbox->gs_base = now->gs_base;
}

/* Signals do not switch these. A null selector keeps the base on some processors and clears it on
 * others, so it is written after one was loaded. */
static void load_segments(const Mailbox* mailbox, const struct segments* before) {
  if (mailbox->ds != before->ds) LOAD_SELECTOR("ds", mailbox->ds);
  if (mailbox->es != before->es) LOAD_SELECTOR("es", mailbox->es);
  if (mailbox->fs != before->fs) LOAD_SELECTOR("fs", mailbox->fs);
  if (mailbox->fs <= 3 && (mailbox->fs != before->fs || mailbox->fs_base != before->fs_base)) {
    write_base(mailbox, ARCH_SET_FS, mailbox->fs_base);
  }
  if (mailbox->gs != before->gs) LOAD_SELECTOR("gs", mailbox->gs);
  if (mailbox->gs <= 3 && (mailbox->gs != before->gs || mailbox->gs_base != before->gs_base)) {
    write_base(mailbox, ARCH_SET_GS, mailbox->gs_base);
  }
}

static void handle_signal(int number, siginfo_t* info, ucontext_t* context) {
  Mailbox* const mailbox = (Mailbox*)((unsigned long)context & ~(GONZO_SLOT_SIZE - 1));
  mailbox->trapped_at = __builtin_ia32_rdtscp(&mailbox->processor);
  struct segments segments;
  read_segments(mailbox, &segments);
  mailbox->signal_number = number;
  mailbox->signal_code = info->si_code;
  mailbox->signal_fields[0] = (unsigned long)info->si_addr;
  mailbox->signal_fields[1] = ((unsigned long)info->si_arch << 32) | (unsigned)info->si_syscall;
  mailbox->frame = (unsigned long)context;
  publish_segments(mailbox, &segments);
  do {
    give_turn_to_runner(mailbox);
    wait_for_turn(mailbox);
    execute_commands(mailbox);
  } while (mailbox->action != GONZO_ACTION_RESUME ||
           mailbox->commands_done != mailbox->command_count);
  load_segments(mailbox, &segments);
}

/* ---- the zygote ---- */

static void close_all_but(unsigned a, unsigned b) {
  const unsigned low = a < b ? a : b;
  const unsigned high = a < b ? b : a;
  if (low > 0) CALL3(SYS_close_range, 0, low - 1, 0);
  if (high > low + 1) CALL3(SYS_close_range, low + 1, high - 1, 0);
  CALL3(SYS_close_range, high + 1, ~0U, 0);
}

static void set_signal_actions(void) {
  struct kernel_sigaction action = {0, 0, 0, 0};
  int number;
  for (number = 1; number <= 64; ++number) CALL4(SYS_rt_sigaction, number, &action, 0, 8);
  action.handler = handle_signal;
  action.flags = SA_SIGINFO | SA_ONSTACK | 0x04000000; /* SA_RESTORER */
  action.restorer = stub_restorer;
  action.mask = ~0UL;
  for (number = 1; number <= 64; ++number) {
    if ((GONZO_HANDLED_SIGNALS & GONZO_SIGNAL_BIT(number)) &&
        CALL4(SYS_rt_sigaction, number, &action, 0, 8) != 0) {
      die();
    }
  }
  unblock_traps();
}

static void install_filter(unsigned spawn_key) {
  struct sock_filter filter[sizeof(kFilter) / sizeof(kFilter[0])];
  const struct sock_fprog program = {.len = sizeof(kFilter) / sizeof(kFilter[0]), .filter = filter};
  unsigned i;
  for (i = 0; i < program.len; ++i) {
    filter[i] = kFilter[i];
    if (filter[i].k == GONZO_SPAWN_KEY) filter[i].k = spawn_key;
    __asm__ volatile("" ::: "memory"); /* there is no memcpy here */
  }
  /* SPEC_ALLOW: before Linux 5.16 a filter switched speculation mitigations on that slow the guest
   * down. It runs with its user's rights, like any program. */
  if (CALL3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) != 0) {
    die();
  }
}

static void drop_privileges(unsigned spawn_key) {
  static const char name[] = "gonzo-guest";
  const struct rlimit no_core = {0, 0};
  CALL2(SYS_prctl, PR_SET_NAME, name);
  CALL2(SYS_setrlimit, RLIMIT_CORE, &no_core);
  if (raw_syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0) != 0) die();
  install_filter(spawn_key);
}

void __attribute__((noreturn)) stub_zygote(Mailbox* mailbox) {
  CALL0(SYS_setsid); /* a terminal's signals reach the runner only */
  die_with_runner(mailbox);
  CALL2(SYS_munmap, 0, GONZO_STUB_BASE);
  CALL2(SYS_munmap, GONZO_SLOTS_END, GONZO_TASK_END - GONZO_SLOTS_END);
  close_all_but((unsigned)mailbox->arena_fd, (unsigned)mailbox->slots_fd);
  set_signal_actions();
  drop_privileges(mailbox->spawn_key);
  mailbox->thread_id = (unsigned)CALL0(SYS_gettid);
  for (;;) {
    give_turn_to_runner(mailbox);
    wait_for_turn(mailbox);
    execute_commands(mailbox);
  }
}
