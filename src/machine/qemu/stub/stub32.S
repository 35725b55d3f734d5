/* Ring 0 of a processor with 32-bit classic or PAE tables: stub64.S in 32 bits. */
#include "machine/qemu/stub/mailbox.h"

#define MAILBOX (stub_base + GONZO_QEMU_MAILBOX)
#define SERIAL 0x3f8
#define SERIAL_STATUS 0x3fd

        .code32
        .section .text.entry, "ax"
        .global stub_base
/* The image begins with where things are, for the runner; the addresses are as wide as in the other. */
stub_base:
        .long   start, 0, vectors, 0, vector_int80, 0, vector_kick, 0, vector_spurious, 0
        .long   0, 0, 0, 0

/* From the firmware: paging is on, the stack is anywhere, the descriptor tables are the ROM's. */
start:
        mov     $stub_base + GONZO_QEMU_STACK_END, %esp
        lgdtl   gdt_pointer
        lidtl   idt_pointer
        ljmp    $GONZO_QEMU_KERNEL_CODE32, $1f
1:      mov     $GONZO_QEMU_KERNEL_DATA, %eax
        mov     %eax, %ss
        mov     %eax, %ds
        mov     %eax, %es
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        mov     $GONZO_QEMU_TSS_SELECTOR, %eax
        ltr     %ax
        mov     MAILBOX + GONZO_QEMU_MB_ROOT, %eax
        mov     %eax, %cr3
        movl    $0, MAILBOX + GONZO_QEMU_MB_ROOT
        /* XCR0: x87, SSE, AVX. */
        xor     %ecx, %ecx
        xor     %edx, %edx
        mov     $7, %eax
        xsetbv
        fninit
#include "machine/qemu/stub/devices.S"
        pushl   $0
        pushl   $0
        pushl   $0
        pushl   $GONZO_QEMU_KERNEL_CODE32
        pushl   $0
        pushl   $0
        pushl   $GONZO_QEMU_READY
        jmp     trapped

        .balign 16
vector_int80:
        pushl   $0
        pushl   $GONZO_QEMU_INT80
        jmp     trapped

/* A byte came over the serial line. It ends the wait below, or the guest's run. */
        .balign 16
vector_kick:
        testb   $3, %ss:4(%esp)
        jnz     1f
        push    %eax
        push    %edx
        call    drain
        pop     %edx
        pop     %eax
        iretl
1:      pushl   $0
        pushl   $GONZO_QEMU_KICK
        jmp     trapped

        .balign 16
vector_spurious:
        iretl

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
        pushal
        cld
        mov     $MAILBOX, %ebx
        mov     %ds, %ecx
        mov     %es, %edx
        mov     $GONZO_QEMU_KERNEL_DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %cx, GONZO_QEMU_MB_DS(%ebx)
        mov     %dx, GONZO_QEMU_MB_ES(%ebx)
        mov     %fs, GONZO_QEMU_MB_FS(%ebx)
        mov     %gs, GONZO_QEMU_MB_GS(%ebx)
        mov     %cr2, %eax
        mov     %eax, GONZO_QEMU_MB_CR2(%ebx)
        mov     %esp, GONZO_QEMU_MB_FRAME(%ebx)
        cmpl    $GONZO_QEMU_KICK, 32(%esp)
        jne     1f
        call    drain
1:      cmpl    $0, GONZO_QEMU_MB_SAVE_AT_TRAP(%ebx)
        je      hand_over
        movl    $0, GONZO_QEMU_MB_SAVE_AT_TRAP(%ebx)
        call    save_state
        movl    $1, GONZO_QEMU_MB_STATE_SAVED(%ebx)

hand_over:
        rdtsc
        mov     %eax, GONZO_QEMU_MB_TRAPPED_AT(%ebx)
        mov     %edx, GONZO_QEMU_MB_TRAPPED_AT + 4(%ebx)
        mov     %eax, %esi
        movl    $GONZO_QEMU_TURN_RUNNER, GONZO_QEMU_MB_TURN(%ebx)
        mfence
        cmpl    $0, GONZO_QEMU_MB_RUNNER_SLEEPS(%ebx)
        je      wait_awake
        movl    $0, GONZO_QEMU_MB_RUNNER_SLEEPS(%ebx)
        mov     $SERIAL, %dx
        mov     $1, %al
        out     %al, %dx

wait_awake:
        mov     $16, %ecx
1:      cmpl    $GONZO_QEMU_TURN_STUB, GONZO_QEMU_MB_TURN(%ebx)
        je      have_turn
        dec     %ecx
        jnz     1b
        rdtsc
        sub     %esi, %eax
        cmp     GONZO_QEMU_MB_PATIENCE(%ebx), %eax
        jb      wait_awake

        movl    $1, GONZO_QEMU_MB_STUB_SLEEPS(%ebx)
        mfence
wait_asleep:
        cmpl    $GONZO_QEMU_TURN_STUB, GONZO_QEMU_MB_TURN(%ebx)
        je      1f
        sti
        hlt
        cli
        jmp     wait_asleep
1:      movl    $0, GONZO_QEMU_MB_STUB_SLEEPS(%ebx)

have_turn:
        rdtsc
        mov     %eax, GONZO_QEMU_MB_RESUMED_AT(%ebx)
        mov     %edx, GONZO_QEMU_MB_RESUMED_AT + 4(%ebx)
        mov     GONZO_QEMU_MB_ROOT(%ebx), %eax
        test    %eax, %eax
        jz      1f
        mov     %eax, %cr3
        movl    $0, GONZO_QEMU_MB_ROOT(%ebx)
1:      mov     GONZO_QEMU_MB_FLUSH_COUNT(%ebx), %ecx
        test    %ecx, %ecx
        jz      3f
        lea     GONZO_QEMU_MB_FLUSH(%ebx), %edx
2:      mov     (%edx), %eax
        invlpg  (%eax)
        add     $8, %edx
        dec     %ecx
        jnz     2b
        movl    $0, GONZO_QEMU_MB_FLUSH_COUNT(%ebx)
3:      cmpl    $0, GONZO_QEMU_MB_WINDOW_COUNT(%ebx)
        je      4f
        call    forget_code
4:      testl   $GONZO_QEMU_SAVE, GONZO_QEMU_MB_STATE_REQUEST(%ebx)
        jz      5f
        call    save_state
5:      testl   $GONZO_QEMU_LOAD, GONZO_QEMU_MB_STATE_REQUEST(%ebx)
        jz      6f
        mov     $7, %eax
        xor     %edx, %edx
        xrstor  GONZO_QEMU_LOAD_AREA - GONZO_QEMU_MAILBOX(%ebx)
6:      movl    $0, GONZO_QEMU_MB_STATE_REQUEST(%ebx)
        cmpl    $GONZO_QEMU_STAY, GONZO_QEMU_MB_ACTION(%ebx)
        je      hand_over
        /* The byte that came with it may have ended the wait above. Who sets it from here on sends the
         * byte later than this: it interrupts the guest. */
        cmpl    $0, GONZO_QEMU_MB_KICKED(%ebx)
        je      7f
        movl    $GONZO_QEMU_KICK, 32(%esp)
        jmp     hand_over
7:      mov     GONZO_QEMU_MB_FS(%ebx), %fs
        mov     GONZO_QEMU_MB_GS(%ebx), %gs
        mov     GONZO_QEMU_MB_ES(%ebx), %es
        mov     GONZO_QEMU_MB_DS(%ebx), %ds
        popal
        add     $8, %esp
        iretl

save_state:
        mov     $7, %eax
        xor     %edx, %edx
        xsave   GONZO_QEMU_STATE - GONZO_QEMU_MAILBOX(%ebx)
        ret

/* See stub64.S. */
forget_code:
        lea     GONZO_QEMU_WINDOWS - GONZO_QEMU_MAILBOX(%ebx), %edi
1:      invlpg  (%edi)
        mov     $1024, %ecx
2:      lock addl $0, (%edi)
        add     $4, %edi
        dec     %ecx
        jnz     2b
        decl    GONZO_QEMU_MB_WINDOW_COUNT(%ebx)
        jnz     1b
        ret

#include "machine/qemu/stub/vectors.S"

        .balign 8
gdt_pointer:
        .word   GONZO_QEMU_GDT_ENTRIES * 8 - 1
        .long   stub_base + GONZO_QEMU_TABLES + GONZO_QEMU_GDT
idt_pointer:
        .word   GONZO_QEMU_IDT_ENTRIES * 8 - 1
        .long   stub_base + GONZO_QEMU_TABLES + GONZO_QEMU_IDT
        .section .note.GNU-stack, "", @progbits
