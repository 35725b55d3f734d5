/* The gates' targets of the processor's own vectors, 16 bytes each: what the processor pushes no
 * error code for gets one, then all take the common way. Intel SDM vol. 3A, table 6-1. */
        .set    with_error_code, 0x60227d00
        .section .text.vectors, "ax"
        .balign 16
vectors:
        .set    number, 0
        .rept   32
        .balign 16
        .if     (with_error_code >> number) & 1
        .else
        push    $0
        .endif
        push    $number
        jmp     trapped
        .set    number, number + 1
        .endr
