/* The stub, linked to a flat image, as data of the runner. */
        .section .rodata, "a", @progbits
        .global gonzo_stub_start, gonzo_stub_end
        .balign 16
gonzo_stub_start:
        .incbin GONZO_STUB_IMAGE
gonzo_stub_end:
        .section .note.GNU-stack, "", @progbits
