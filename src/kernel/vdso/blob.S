/* The vDSO's ELF image, as data of the runner. */
        .section .rodata, "a", @progbits
        .global gonzo_vdso_start, gonzo_vdso_end
        .balign 16
gonzo_vdso_start:
        .incbin GONZO_VDSO_IMAGE
gonzo_vdso_end:
        .section .note.GNU-stack, "", @progbits
