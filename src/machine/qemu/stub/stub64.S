/* Ring 0 of a processor with 4-level tables: it takes traps to the runner and does what the runner
 * asks for, nothing else. Everything lies in the entry area, at fixed places. */
#include "machine/qemu/stub/mailbox.h"

#define MAILBOX (stub_base + GONZO_QEMU_MAILBOX)
#define SERIAL 0x3f8
#define SERIAL_STATUS 0x3fd

        .code64
        .section .text.entry, "ax"
        .global stub_base
/* The image begins with where things are, for the runner. */
stub_base:
        .quad   start, vectors, vector_int80, vector_kick, vector_spurious, entry_syscall
        .quad   entry_syscall32

/* From the firmware: paging is on, the stack is anywhere, the descriptor tables are the ROM's. */
start:
        lea     stub_base + GONZO_QEMU_STACK_END(%rip), %rsp
        lgdt    gdt_pointer(%rip)
        lidt    idt_pointer(%rip)
        mov     $GONZO_QEMU_KERNEL_DATA, %eax
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %fs
        mov     %eax, %gs
        push    $GONZO_QEMU_KERNEL_CODE64
        lea     1f(%rip), %rax
        push    %rax
        lretq
1:      mov     $GONZO_QEMU_TSS_SELECTOR, %eax
        ltr     %ax
        mov     MAILBOX + GONZO_QEMU_MB_ROOT(%rip), %rax
        mov     %rax, %cr3
        movq    $0, MAILBOX + GONZO_QEMU_MB_ROOT(%rip)
        /* XCR0: x87, SSE, AVX. */
        xor     %ecx, %ecx
        xor     %edx, %edx
        mov     $7, %eax
        xsetbv
        fninit
        /* STAR: SYSCALL takes kernel code and the data segment behind it. */
        mov     $0xc0000081, %ecx
        xor     %eax, %eax
        mov     $(0x23 << 16 | GONZO_QEMU_KERNEL_CODE64), %edx
        wrmsr
        lea     entry_syscall(%rip), %rax
        mov     $0xc0000082, %ecx
        call    write_address
        lea     entry_syscall32(%rip), %rax
        mov     $0xc0000083, %ecx
        call    write_address
        /* SFMASK: as Linux has it (syscall_init): TF, IF, DF, NT, AC and the rest of the system's. */
        mov     $0xc0000084, %ecx
        mov     $0x257fd5, %eax
        xor     %edx, %edx
        wrmsr
#include "machine/qemu/stub/devices.S"
        pushq   $0
        pushq   $0
        pushq   $0
        pushq   $GONZO_QEMU_KERNEL_CODE64
        pushq   $0
        pushq   $0
        pushq   $GONZO_QEMU_READY
        jmp     trapped

write_address:
        mov     %rax, %rdx
        shr     $32, %rdx
        wrmsr
        ret

        .balign 16
entry_syscall:
        mov     %rsp, MAILBOX + GONZO_QEMU_MB_USER_STACK(%rip)
        lea     stub_base + GONZO_QEMU_STACK_END(%rip), %rsp
        pushq   $GONZO_QEMU_USER_DATA
        pushq   MAILBOX + GONZO_QEMU_MB_USER_STACK(%rip)
        push    %r11
        pushq   $GONZO_QEMU_USER_CODE64
        push    %rcx
        pushq   $0
        pushq   $GONZO_QEMU_SYSCALL
        jmp     trapped

        .balign 16
entry_syscall32:
        mov     %rsp, MAILBOX + GONZO_QEMU_MB_USER_STACK(%rip)
        lea     stub_base + GONZO_QEMU_STACK_END(%rip), %rsp
        pushq   $GONZO_QEMU_USER_DATA
        pushq   MAILBOX + GONZO_QEMU_MB_USER_STACK(%rip)
        push    %r11
        pushq   $GONZO_QEMU_USER_CODE32
        push    %rcx
        pushq   $0
        pushq   $GONZO_QEMU_SYSCALL32
        jmp     trapped

        .balign 16
vector_int80:
        pushq   $0
        pushq   $GONZO_QEMU_INT80
        jmp     trapped

/* A byte came over the serial line. It ends the wait below, or the guest's run. */
        .balign 16
vector_kick:
        testb   $3, 8(%rsp)
        jnz     1f
        push    %rax
        push    %rdx
        call    drain
        pop     %rdx
        pop     %rax
        iretq
1:      pushq   $0
        pushq   $GONZO_QEMU_KICK
        jmp     trapped

        .balign 16
vector_spurious:
        iretq

/* Takes all bytes that have come, so that the next one interrupts again. */
drain:
        mov     $SERIAL_STATUS, %dx
        in      %dx, %al
        test    $1, %al
        jz      1f
        mov     $SERIAL, %dx
        in      %dx, %al
        jmp     drain
1:      ret

        .balign 16
trapped:
        push    %rax
        push    %rcx
        push    %rdx
        push    %rbx
        push    %rbp
        push    %rdi
        push    %rsi
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        cld
        lea     MAILBOX(%rip), %rbx
        mov     %cr2, %rax
        mov     %rax, GONZO_QEMU_MB_CR2(%rbx)
        rdfsbase %rax
        mov     %rax, GONZO_QEMU_MB_FS_BASE(%rbx)
        rdgsbase %rax
        mov     %rax, GONZO_QEMU_MB_GS_BASE(%rbx)
        mov     %ds, GONZO_QEMU_MB_DS(%rbx)
        mov     %es, GONZO_QEMU_MB_ES(%rbx)
        mov     %fs, GONZO_QEMU_MB_FS(%rbx)
        mov     %gs, GONZO_QEMU_MB_GS(%rbx)
        mov     %rsp, GONZO_QEMU_MB_FRAME(%rbx)
        cmpl    $GONZO_QEMU_KICK, 120(%rsp)
        jne     1f
        call    drain
1:      cmpl    $0, GONZO_QEMU_MB_SAVE_AT_TRAP(%rbx)
        je      hand_over
        movl    $0, GONZO_QEMU_MB_SAVE_AT_TRAP(%rbx)
        call    save_state
        movl    $1, GONZO_QEMU_MB_STATE_SAVED(%rbx)

hand_over:
        rdtsc
        mov     %eax, GONZO_QEMU_MB_TRAPPED_AT(%rbx)
        mov     %edx, GONZO_QEMU_MB_TRAPPED_AT + 4(%rbx)
        mov     %eax, %esi
        movl    $GONZO_QEMU_TURN_RUNNER, GONZO_QEMU_MB_TURN(%rbx)
        mfence
        cmpl    $0, GONZO_QEMU_MB_RUNNER_SLEEPS(%rbx)
        je      wait_awake
        movl    $0, GONZO_QEMU_MB_RUNNER_SLEEPS(%rbx)
        mov     $SERIAL, %dx
        mov     $1, %al
        out     %al, %dx

wait_awake:
        mov     $16, %ecx
1:      cmpl    $GONZO_QEMU_TURN_STUB, GONZO_QEMU_MB_TURN(%rbx)
        je      have_turn
        dec     %ecx
        jnz     1b
        rdtsc
        sub     %esi, %eax
        cmp     GONZO_QEMU_MB_PATIENCE(%rbx), %eax
        jb      wait_awake

        movl    $1, GONZO_QEMU_MB_STUB_SLEEPS(%rbx)
        mfence
wait_asleep:
        cmpl    $GONZO_QEMU_TURN_STUB, GONZO_QEMU_MB_TURN(%rbx)
        je      1f
        sti
        hlt
        cli
        jmp     wait_asleep
1:      movl    $0, GONZO_QEMU_MB_STUB_SLEEPS(%rbx)

have_turn:
        rdtsc
        mov     %eax, GONZO_QEMU_MB_RESUMED_AT(%rbx)
        mov     %edx, GONZO_QEMU_MB_RESUMED_AT + 4(%rbx)
        mov     GONZO_QEMU_MB_ROOT(%rbx), %rax
        test    %rax, %rax
        jz      1f
        mov     %rax, %cr3
        movq    $0, GONZO_QEMU_MB_ROOT(%rbx)
1:      mov     GONZO_QEMU_MB_FLUSH_COUNT(%rbx), %ecx
        test    %ecx, %ecx
        jz      3f
        lea     GONZO_QEMU_MB_FLUSH(%rbx), %rdx
2:      mov     (%rdx), %rax
        invlpg  (%rax)
        add     $8, %rdx
        dec     %ecx
        jnz     2b
        movl    $0, GONZO_QEMU_MB_FLUSH_COUNT(%rbx)
3:      cmpl    $0, GONZO_QEMU_MB_WINDOW_COUNT(%rbx)
        je      4f
        call    forget_code
4:      testl   $GONZO_QEMU_SAVE, GONZO_QEMU_MB_STATE_REQUEST(%rbx)
        jz      5f
        call    save_state
5:      testl   $GONZO_QEMU_LOAD, GONZO_QEMU_MB_STATE_REQUEST(%rbx)
        jz      6f
        mov     $7, %eax
        xor     %edx, %edx
        xrstor64 GONZO_QEMU_LOAD_AREA - GONZO_QEMU_MAILBOX(%rbx)
6:      movl    $0, GONZO_QEMU_MB_STATE_REQUEST(%rbx)
        cmpl    $GONZO_QEMU_STAY, GONZO_QEMU_MB_ACTION(%rbx)
        je      hand_over
        /* The byte that came with it may have ended the wait above. Who sets it from here on sends the
         * byte later than this: it interrupts the guest. */
        cmpl    $0, GONZO_QEMU_MB_KICKED(%rbx)
        je      7f
        movq    $GONZO_QEMU_KICK, 120(%rsp)
        jmp     hand_over
7:      mov     GONZO_QEMU_MB_DS(%rbx), %ds
        mov     GONZO_QEMU_MB_ES(%rbx), %es
        mov     GONZO_QEMU_MB_FS(%rbx), %fs
        mov     GONZO_QEMU_MB_GS(%rbx), %gs
        /* A selector that is not 0 brings its descriptor's base. */
        testw   $~3, GONZO_QEMU_MB_FS(%rbx)
        jnz     8f
        mov     GONZO_QEMU_MB_FS_BASE(%rbx), %rax
        wrfsbase %rax
8:      testw   $~3, GONZO_QEMU_MB_GS(%rbx)
        jnz     9f
        mov     GONZO_QEMU_MB_GS_BASE(%rbx), %rax
        wrgsbase %rax
9:      pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rsi
        pop     %rdi
        pop     %rbp
        pop     %rbx
        pop     %rdx
        pop     %rcx
        pop     %rax
        add     $16, %rsp
        iretq

save_state:
        mov     $7, %eax
        xor     %edx, %edx
        xsave64 GONZO_QEMU_STATE - GONZO_QEMU_MAILBOX(%rbx)
        ret

/* The translator does not see what the runner writes; a store of ours to the page makes it throw
 * away what it made of the code there. The values stay as they are, whoever else writes. */
forget_code:
        lea     GONZO_QEMU_WINDOWS - GONZO_QEMU_MAILBOX(%rbx), %rdi
1:      invlpg  (%rdi)
        mov     $512, %ecx
2:      lock addq $0, (%rdi)
        add     $8, %rdi
        dec     %ecx
        jnz     2b
        decl    GONZO_QEMU_MB_WINDOW_COUNT(%rbx)
        jnz     1b
        ret

#include "machine/qemu/stub/vectors.S"

        .balign 8
gdt_pointer:
        .word   GONZO_QEMU_GDT_ENTRIES * 8 - 1
        .quad   stub_base + GONZO_QEMU_TABLES + GONZO_QEMU_GDT
idt_pointer:
        .word   GONZO_QEMU_IDT_ENTRIES * 16 - 1
        .quad   stub_base + GONZO_QEMU_TABLES + GONZO_QEMU_IDT
        .section .note.GNU-stack, "", @progbits
