/* What the stub in ring 0 and the runner share: the pages of the kernel half's entry area, and the
 * mailbox in one of them. Included by assembler, too. docs/machine-qemu.md tells the hand-off. */
#pragma once

/* Pages of the entry area. */
#define GONZO_QEMU_CODE 0x0000    /* the stub */
#define GONZO_QEMU_TABLES 0x1000  /* GDT, IDT, TSS */
#define GONZO_QEMU_MAILBOX 0x2000 /* the mailbox; the stub's stack grows down from its end */
#define GONZO_QEMU_STATE 0x3000   /* XSAVE areas: the one to save to, the one to load */
#define GONZO_QEMU_WINDOWS \
  0x8000 /* pages that are mapped there when their code is to be forgotten */
#define GONZO_QEMU_STACK_END (GONZO_QEMU_MAILBOX + 0x1000)

#define GONZO_QEMU_CODE_BYTES 0x1000
#define GONZO_QEMU_STATE_BYTES 0x2000
#define GONZO_QEMU_LOAD_AREA (GONZO_QEMU_STATE + 0x1000)
#define GONZO_QEMU_WINDOW_COUNT 16

/* Within the page of tables. The interrupts beyond 0x80 have no gate: INT n is #GP there. */
#define GONZO_QEMU_GDT 0x000
#define GONZO_QEMU_GDT_ENTRIES 16
#define GONZO_QEMU_IDT 0x100
#define GONZO_QEMU_IDT_ENTRIES 0x81
#define GONZO_QEMU_TSS 0xa00
#define GONZO_QEMU_TSS_BYTES 104

/* Selectors: where Linux's 64-bit kernel has them (asm/segment.h). */
#define GONZO_QEMU_KERNEL_CODE32 0x08
#define GONZO_QEMU_KERNEL_CODE64 0x10
#define GONZO_QEMU_KERNEL_DATA 0x18
#define GONZO_QEMU_USER_CODE32 0x23
#define GONZO_QEMU_USER_DATA 0x2b
#define GONZO_QEMU_USER_CODE64 0x33
#define GONZO_QEMU_TSS_SELECTOR 0x40
#define GONZO_QEMU_CPU_NODE 0x7b

/* Why the turn comes back, beside the processor's vectors. */
#define GONZO_QEMU_KICK 0x24 /* the serial line's interrupt */
#define GONZO_QEMU_INT80 0x80
#define GONZO_QEMU_SYSCALL 0x100
#define GONZO_QEMU_SYSCALL32 0x101 /* from compatibility mode */
#define GONZO_QEMU_READY 0x102

#define GONZO_QEMU_TURN_STUB 0
#define GONZO_QEMU_TURN_RUNNER 1

#define GONZO_QEMU_RESUME 0 /* the guest runs on */
#define GONZO_QEMU_STAY 1   /* the turn comes back as soon as what was asked for is done */

#define GONZO_QEMU_SAVE 1 /* XSAVE */
#define GONZO_QEMU_LOAD 2 /* XRSTOR */

#define GONZO_QEMU_FLUSHES 64

/* Offsets in the mailbox. */
#define GONZO_QEMU_MB_TURN 0x00
#define GONZO_QEMU_MB_RUNNER_SLEEPS 0x04
#define GONZO_QEMU_MB_STUB_SLEEPS 0x08
#define GONZO_QEMU_MB_PATIENCE 0x0c
#define GONZO_QEMU_MB_ACTION 0x10
#define GONZO_QEMU_MB_STATE_REQUEST 0x14
#define GONZO_QEMU_MB_SAVE_AT_TRAP 0x18
#define GONZO_QEMU_MB_STATE_SAVED 0x1c
#define GONZO_QEMU_MB_FLUSH_COUNT 0x20
#define GONZO_QEMU_MB_WINDOW_COUNT 0x24
#define GONZO_QEMU_MB_ROOT 0x28
#define GONZO_QEMU_MB_CR2 0x30
#define GONZO_QEMU_MB_FS_BASE 0x38
#define GONZO_QEMU_MB_GS_BASE 0x40
#define GONZO_QEMU_MB_DS 0x48
#define GONZO_QEMU_MB_ES 0x4a
#define GONZO_QEMU_MB_FS 0x4c
#define GONZO_QEMU_MB_GS 0x4e
#define GONZO_QEMU_MB_TRAPPED_AT 0x50
#define GONZO_QEMU_MB_RESUMED_AT 0x58
#define GONZO_QEMU_MB_USER_STACK 0x60
#define GONZO_QEMU_MB_FRAME 0x68
#define GONZO_QEMU_MB_KICKED 0x70
#define GONZO_QEMU_MB_FLUSH 0x80

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

/* The turn's owner alone touches it, but for `turn`, `kicked`, and the two that say who sleeps. */
struct gonzo_qemu_mailbox {
  uint32_t turn;
  uint32_t runner_sleeps; /* wants a byte over the serial line */
  uint32_t stub_sleeps;   /* the same */
  uint32_t patience;      /* ticks that the stub waits awake */
  uint32_t action;
  uint32_t state_request;
  uint32_t save_at_trap; /* XSAVE comes with the next trap */
  uint32_t state_saved;  /* it came */
  uint32_t flush_count;
  uint32_t window_count; /* pages that are new in their windows */
  uint64_t root;         /* for CR3; 0: stays */
  uint64_t cr2;
  uint64_t fs_base, gs_base;
  uint16_t ds, es, fs, gs;
  uint64_t trapped_at, resumed_at; /* of the processor's time-stamp counter */
  uint64_t user_stack;             /* the stub's own */
  uint64_t frame;                  /* where the stack ended at the trap */
  uint32_t kicked;                 /* the guest is to stop at once; anybody sets it */
  uint32_t unused[3];
  uint64_t flush[GONZO_QEMU_FLUSHES]; /* addresses for INVLPG */
};

/* What lies at the stack's end after a trap; `vector` is one of the above. */
struct gonzo_qemu_frame64 {
  uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rsi, rdi, rbp, rbx, rdx, rcx, rax;
  uint64_t vector, error_code;
  uint64_t rip, cs, rflags, rsp, ss;
};
struct gonzo_qemu_frame32 {
  uint32_t edi, esi, ebp, esp_unused, ebx, edx, ecx, eax;
  uint32_t vector, error_code;
  uint32_t eip, cs, eflags, esp, ss;
};

/* What an image begins with: addresses. */
struct gonzo_qemu_stub {
  uint64_t start, vectors, int80, kick, spurious, syscall, syscall32;
};
/* What the ROM's last page begins with. */
struct gonzo_qemu_boot {
  uint32_t root, cr4, efer;
  uint32_t is_long;
  uint64_t target;
};

#endif /* __ASSEMBLER__ */
