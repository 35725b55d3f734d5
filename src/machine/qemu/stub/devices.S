/* The interrupt controllers and the serial line, the same from 32-bit and 64-bit code. Intel 8259A:
 * vectors 0x20 and 0x28 on, automatic end of interrupt, all masked but line 4; 16550: an interrupt
 * for each byte that comes. */
        .macro  output port, value
        mov     $\port, %dx
        mov     $\value, %al
        out     %al, %dx
        .endm
        output  0x20, 0x11
        output  0x21, 0x20
        output  0x21, 0x04
        output  0x21, 0x03
        output  0xa0, 0x11
        output  0xa1, 0x28
        output  0xa1, 0x02
        output  0xa1, 0x03
        output  0x21, 0xef
        output  0xa1, 0xff
        output  0x3fb, 0x03
        output  0x3fc, 0x0b
        output  0x3fa, 0x00
        output  0x3f9, 0x01
