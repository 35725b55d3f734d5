#include "machine/guest_code.h"

// NOLINTBEGIN(hicpp-no-assembler)
asm(R"(
        .pushsection .rodata
keep_registers_start:
        mov     $0x1111111111111111, %rax
        mov     $0x2222222222222222, %rbx
        mov     $0x3333333333333333, %rdx
        mov     $0x4444444444444444, %rsi
        mov     $0x5555555555555555, %rbp
        mov     $0x6666666666666666, %rsp
        mov     $0x8888888888888888, %r8
        mov     $0x9999999999999999, %r9
        mov     $0xaaaaaaaaaaaaaaaa, %r10
        mov     $0xcccccccccccccccc, %r12
        mov     $0xdddddddddddddddd, %r13
        mov     $0xeeeeeeeeeeeeeeee, %r14
        mov     $0xffffffffffffffff, %r15
        stc
        mov     (%rdi), %rcx
        jnc     1f
        mov     $0x1111111111111111, %rcx
        cmp     %rcx, %rax
        jne     1f
        mov     $3, %eax
        syscall
        cmp     $3, %rax
        jne     1f
        mov     $0x2222222222222222, %rcx
        cmp     %rcx, %rbx
        jne     1f
        mov     $0x3333333333333333, %rcx
        cmp     %rcx, %rdx
        jne     1f
        mov     $0x4444444444444444, %rcx
        cmp     %rcx, %rsi
        jne     1f
        mov     $0x5555555555555555, %rcx
        cmp     %rcx, %rbp
        jne     1f
        mov     $0x6666666666666666, %rcx
        cmp     %rcx, %rsp
        jne     1f
        mov     $0x8888888888888888, %rcx
        cmp     %rcx, %r8
        jne     1f
        mov     $0x9999999999999999, %rcx
        cmp     %rcx, %r9
        jne     1f
        mov     $0xaaaaaaaaaaaaaaaa, %rcx
        cmp     %rcx, %r10
        jne     1f
        mov     $0xcccccccccccccccc, %rcx
        cmp     %rcx, %r12
        jne     1f
        mov     $0xdddddddddddddddd, %rcx
        cmp     %rcx, %r13
        jne     1f
        mov     $0xeeeeeeeeeeeeeeee, %rcx
        cmp     %rcx, %r14
        jne     1f
        cmp     $-1, %r15
        jne     1f
        mov     $1, %eax
        syscall
1:      mov     $2, %eax
        syscall
keep_registers_end:

        .macro fill_vector number, value
        mov     $\value, %eax
        vmovd   %eax, %xmm\number
        vpshufd $0, %xmm\number, %xmm\number
        vinsertf128 $1, %xmm\number, %ymm\number, %ymm\number
        .endm
        .macro check_vector number, value
        mov     $\value, %eax
        vextractf128 $1, %ymm\number, %xmm15
        vmovq   %xmm15, %rcx
        cmp     %eax, %ecx
        jne     1f
        vmovq   %xmm\number, %rcx
        cmp     %eax, %ecx
        jne     1f
        .endm
keep_vectors_start:
        fill_vector 0, 0x1001
        fill_vector 1, 0x1002
        fill_vector 7, 0x1003
        fill_vector 8, 0x1004
        fill_vector 14, 0x1005
        fld1
        mov     (%rdi), %rcx
        mov     $3, %eax
        syscall
        check_vector 0, 0x1001
        check_vector 1, 0x1002
        check_vector 7, 0x1003
        check_vector 8, 0x1004
        check_vector 14, 0x1005
        fld1
        fcomip  %st(1), %st
        jne     1f
        mov     $1, %eax
        syscall
1:      mov     $2, %eax
        syscall
keep_vectors_end:

bases_start:
        mov     %fs:0, %rbx
        mov     %gs:0, %r12
        mov     $1, %eax
        syscall
        wrfsbase %rdi
        wrgsbase %rsi
        mov     $1, %eax
        syscall
bases_end:

wait_for_word_start:
        mov     (%rdi), %rax
        cmp     %rsi, %rax
        jne     wait_for_word_start
        mov     $1, %eax
        syscall
wait_for_word_end:

count_up_start:
        lock incq (%rdi)
        dec     %rsi
        jnz     count_up_start
        mov     $1, %eax
        syscall
count_up_end:

old_syscall_start:
        mov     $20, %eax
        int     $0x80
        mov     $1, %eax
        syscall
old_syscall_end:

read_vector_start:
        movq    %xmm0, %rbx
        mov     $1, %eax
        syscall
read_vector_end:

jump_start:
        jmp     *%rdi
jump_end:

store_and_call_start:
        mov     %rsi, (%rdi)
        mov     $1, %eax
        syscall
        jmp     store_and_call_start
store_and_call_end:
        .popsection
)");
// NOLINTEND(hicpp-no-assembler)

#define GONZO_GUEST_CODE(name)                                                  \
  extern "C" const std::byte name##_start[];                                    \
  extern "C" const std::byte name##_end[];                                      \
  namespace gonzo::guest_code {                                                 \
  std::span<const std::byte> name() {                                           \
    return {name##_start, static_cast<std::size_t>(name##_end - name##_start)}; \
  }                                                                             \
  }

GONZO_GUEST_CODE(keep_registers)
GONZO_GUEST_CODE(keep_vectors)
GONZO_GUEST_CODE(bases)
GONZO_GUEST_CODE(wait_for_word)
GONZO_GUEST_CODE(count_up)
GONZO_GUEST_CODE(old_syscall)
GONZO_GUEST_CODE(read_vector)
GONZO_GUEST_CODE(jump)
GONZO_GUEST_CODE(store_and_call)
