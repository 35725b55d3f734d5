/* The firmware: from the reset vector to the stub. The runner fills in the parameters. It is the last
 * page below 1 MiB, and below 4 GiB, where the processor starts; the tables that it turns paging on
 * with map it where it is. */
#include "machine/qemu/stub/mailbox.h"

        .section .text.entry, "ax"
        .global rom_base
/* struct gonzo_qemu_boot */
rom_base:
root:           .long   0
cr4:            .long   0
efer:           .long   0
is_long:        .long   0
target:         .quad   0

        .balign 8
gdt:
        .quad   0
        .quad   0x00cf9b000000ffff      /* 0x08: code, 32 bits */
        .quad   0x00af9b000000ffff      /* 0x10: code, 64 bits */
        .quad   0x00cf93000000ffff      /* 0x18: data */
gdt_end:
gdt_pointer:
        .word   gdt_end - gdt - 1
        .long   gdt

        .code16
start16:
        cli
        lgdtl   %cs:gdt_pointer - rom_base + 0xf000
        mov     %cr0, %eax
        or      $1, %al
        mov     %eax, %cr0
        ljmpl   $GONZO_QEMU_KERNEL_CODE32, $start32

        .code32
start32:
        mov     $GONZO_QEMU_KERNEL_DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     cr4, %eax
        mov     %eax, %cr4
        mov     root, %eax
        mov     %eax, %cr3
        mov     efer, %eax
        test    %eax, %eax
        jz      1f
        mov     $0xc0000080, %ecx
        xor     %edx, %edx
        wrmsr
        /* PG, WP, NE, MP, PE; neither TS nor EM nor the caches' bits. */
1:      mov     $0x80010023, %eax
        mov     %eax, %cr0
        cmpl    $0, is_long
        jne     2f
        mov     target, %eax
        jmp     *%eax
2:      ljmp    $GONZO_QEMU_KERNEL_CODE64, $start64

        .code64
start64:
        mov     target(%rip), %rax
        jmp     *%rax

        .org    0xff0
        .code16
        jmp     start16
        .org    GONZO_QEMU_CODE_BYTES
        .section .note.GNU-stack, "", @progbits
