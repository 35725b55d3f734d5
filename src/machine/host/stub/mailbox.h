/* What the runner and the stub in a guest's host process share: the address layout, the mailbox at
 * the base of every context slot, and the commands that the stub executes. C, because the stub is
 * freestanding C; included by the runner's C++ too.
 *
 * The guest can write to its slots. The runner checks whatever it reads from here. */
#ifndef GONZO_MACHINE_HOST_STUB_MAILBOX_H
#define GONZO_MACHINE_HOST_STUB_MAILBOX_H

#include <stddef.h>
#include <stdint.h>

/* The stub's text, then one slot per guest thread of the whole machine. "onz`": between the heap
 * and the mmap area of every x86-64 process layout, sanitizers' included. */
#define GONZO_STUB_BASE 0x6f6e7a600000UL
#define GONZO_STUB_TEXT_SIZE 0x10000UL
#define GONZO_SLOTS_BASE (GONZO_STUB_BASE + GONZO_STUB_TEXT_SIZE)
#define GONZO_SLOT_SIZE 0x8000UL /* the mailbox page and 28 KiB of signal stack */
#define GONZO_SLOT_COUNT 8192UL
#define GONZO_SLOTS_END (GONZO_SLOTS_BASE + GONZO_SLOT_COUNT * GONZO_SLOT_SIZE)
#define GONZO_MAILBOX_SIZE 0x1000UL
#define GONZO_TASK_END 0x7ffffffff000UL /* TASK_SIZE_MAX with four-level paging */
/* Where set_thread_area, a call with 32-bit pointers, finds its argument: past the user half of the
 * 32-bit formats, so no guest has anything there. */
#define GONZO_LOW_PAGE 0xfffee000UL

/* Merges while pending and needs no queue entry, unlike a real-time signal: it cannot fail with
 * EAGAIN. */
#define GONZO_KICK_SIGNAL 10 /* SIGUSR1 */
#define GONZO_SIGNAL_BIT(number) (1UL << ((number) - 1))
/* What a guest thread does not block: SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS, the kick.
 */
#define GONZO_HANDLED_SIGNALS                                                              \
  (GONZO_SIGNAL_BIT(4) | GONZO_SIGNAL_BIT(5) | GONZO_SIGNAL_BIT(7) | GONZO_SIGNAL_BIT(8) | \
   GONZO_SIGNAL_BIT(11) | GONZO_SIGNAL_BIT(31) | GONZO_SIGNAL_BIT(GONZO_KICK_SIGNAL))

/* The hand-off word follows the robust futex protocol (linux/futex.h), so that the kernel itself
 * ends the runner's wait when the stub's thread dies: the owner's thread id while it is the guest's
 * turn, 0 while it is the runner's. */
#define GONZO_TURN_RUNNER 0u
#define GONZO_TURN_STARTING 0x3fffffffu /* a guest's turn before its thread id is known */
#define GONZO_TURN_SLEEPER 0x80000000u  /* FUTEX_WAITERS: the waiting side sleeps */
#define GONZO_TURN_DIED 0x40000000u     /* FUTEX_OWNER_DIED */
#define GONZO_TURN_OWNER 0x3fffffffu    /* FUTEX_TID_MASK */

enum gonzo_operation {
  GONZO_OP_MAP = 1,      /* argument: arena offset; protection */
  GONZO_OP_MAP_POPULATE, /* the same, and fill the host's tables at once */
  GONZO_OP_UNMAP,
  GONZO_OP_AGE,     /* empties the host's tables there: the next use fills them again */
  GONZO_OP_PROTECT, /* protection */
  GONZO_OP_SPAWN,   /* zygote only; argument: slot. Result: process id */
  GONZO_OP_THREAD,  /* argument: slot. Result: thread id */
  GONZO_OP_TLS,     /* address, length: a struct user_desc for the thread itself */
  GONZO_OP_CLOCK,   /* argument: a clock of the process's. address, length: its struct timespec */
};

struct gonzo_command {
  uint64_t address;
  uint64_t length; /* bytes */
  uint64_t argument;
  uint16_t operation; /* enum gonzo_operation */
  uint16_t protection;
  int32_t result; /* 0 or a positive value; -errno */
};

enum gonzo_action {
  GONZO_ACTION_RESUME = 1, /* back to the guest */
  GONZO_ACTION_STAY,       /* hand back after the commands */
};

#define GONZO_COMMAND_CAPACITY 112

struct gonzo_mailbox {
  /* hand-off */
  uint32_t turn;
  uint32_t action;        /* enum gonzo_action, for the stub */
  uint32_t spin_ticks;    /* time-stamp ticks that the stub waits before it sleeps; watched */
  uint32_t command_count; /* executed in order up to the first failure */
  uint32_t commands_done;
  uint32_t thread_id;

  /* the trap, by the stub */
  int32_t signal_number; /* siginfo_t */
  int32_t signal_code;
  uint64_t signal_fields[2]; /* si_addr or si_call_addr; si_syscall and si_arch */
  uint64_t frame;            /* the kernel's struct ucontext in this slot's stack */
  uint64_t resumed_at;       /* time-stamps around the guest's own work */
  uint64_t trapped_at;
  uint32_t processor; /* where it trapped, as RDTSCP tells */

  /* both ways; a base counts where its selector is 0 */
  uint64_t fs_base, gs_base;
  uint16_t ds, es, fs, gs;

  /* set once by the runner */
  int32_t arena_fd, slots_fd;
  uint32_t parent_process;
  uint32_t has_fsgsbase;
  uint32_t spawn_key; /* the zygote's only: by which the filter knows its clones */

  /* struct robust_list_head and its only entry */
  uint64_t robust_next;
  int64_t robust_offset;
  uint64_t robust_pending;
  uint64_t robust_entry;

  struct gonzo_command commands[GONZO_COMMAND_CAPACITY] __attribute__((aligned(64)));
};

#ifdef __cplusplus
static_assert(sizeof(gonzo_mailbox) <= GONZO_MAILBOX_SIZE);
#else
_Static_assert(sizeof(struct gonzo_mailbox) <= GONZO_MAILBOX_SIZE, "one page");
#endif

#endif
