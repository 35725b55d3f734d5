/* The images, as data of the runner. */
        .macro  image name, file
        .global gonzo_qemu_\name\()_start, gonzo_qemu_\name\()_end
        .balign 16
gonzo_qemu_\name\()_start:
        .incbin "\file"
gonzo_qemu_\name\()_end:
        .endm

        .section .rodata, "a", @progbits
        image   stub64, GONZO_QEMU_STUB64
        image   stub32, GONZO_QEMU_STUB32
        image   rom, GONZO_QEMU_ROM
        .section .note.GNU-stack, "", @progbits
