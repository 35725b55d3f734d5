/* System calls without a C library: no errno, no thread pointer, no cancellation. */
#ifndef GONZO_MACHINE_HOST_STUB_RAW_SYSCALL_H
#define GONZO_MACHINE_HOST_STUB_RAW_SYSCALL_H

/* A call of i386's table from 64-bit code; `a` may be a pointer below 4 GiB. */
static inline int raw_i386_syscall(int number, unsigned a) {
  long result;
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "0"((long)number), "b"((unsigned long)a)
                   : "r8", "r9", "r10", "r11", "memory");
  return (int)result;
}

static inline long raw_syscall(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

#endif
