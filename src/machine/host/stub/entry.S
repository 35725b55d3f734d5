/* The stub's few instructions that C cannot say. */
#include <sys/syscall.h>

        .section .text.entry, "ax", @progbits
        .global stub_entry
stub_entry:                     /* rdi: mailbox of slot 0; rsp: its stack's end */
        call    stub_zygote
        ud2

        .text
        .global stub_restorer
stub_restorer:
        mov     $SYS_rt_sigreturn, %eax
        syscall
        ud2

/* long stub_clone(unsigned long flags, struct gonzo_mailbox* child, void (*entry)(mailbox*), unsigned long stack,
 *                 unsigned long key)
 * The child starts in `entry` on the stack of its own slot: it may share our memory. */
        .global stub_clone
stub_clone:
        push    %r12
        push    %r13
        mov     %rsi, %r12
        mov     %rdx, %r13
        mov     %rcx, %rsi
        xor     %edx, %edx
        xor     %r10d, %r10d
        mov     $SYS_clone, %eax
        syscall
        test    %rax, %rax
        jz      1f
        pop     %r13
        pop     %r12
        ret
1:      xor     %ebp, %ebp
        xor     %r8d, %r8d
        mov     %r12, %rdi
        call    *%r13
        ud2
        .section .note.GNU-stack, "", @progbits
