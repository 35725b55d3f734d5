// Instructions that are the kernel's: each is a signal, with the vector and error code of the
// processor's exception.
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

#include "check.h"

static sigjmp_buf back;
static struct {
  int signal, code;
  long vector, error;
} seen;

static void handler(int signal, siginfo_t* info, void* context) {
  const greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
  seen.signal = signal;
  seen.code = info->si_code;
  seen.vector = registers[REG_TRAPNO];
  seen.error = registers[REG_ERR];
  siglongjmp(back, 1);
}

#define TRY(name, ...)                                                                       \
  do {                                                                                       \
    memset(&seen, 0, sizeof seen);                                                           \
    if (sigsetjmp(back, 1) == 0) __asm__ volatile(__VA_ARGS__);                              \
    printf("%s: %s %d, vector %ld, error %#lx\n", name,                                      \
           seen.signal == 0 ? "nothing" : sigabbrev_np(seen.signal), seen.code, seen.vector, \
           seen.error);                                                                      \
  } while (0)

static char table[16];

int main(void) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  const int signals[] = {SIGSEGV, SIGILL, SIGTRAP, SIGBUS, SIGFPE};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
    sigaction(signals[i], &action, NULL);
  }
  TRY("hlt", "hlt");
  TRY("cli", "cli");
  TRY("sti", "sti");
  TRY("in", "in $0x80, %%al" :: : "eax");
  TRY("out", "out %%al, $0x80" :: :);
  TRY("in from dx", "in %%dx, %%eax" ::"d"(0x501) : "eax");
  TRY("out to dx", "out %%al, %%dx" ::"d"(0x3f8), "a"(1));
  TRY("outs", "outsb" ::"d"(0x3f8), "S"(table));
  TRY("lgdt", "lgdt %0" ::"m"(table));
  TRY("lidt", "lidt %0" ::"m"(table));
  TRY("lldt", "lldt %%ax" ::"a"(0));
  TRY("ltr", "ltr %%ax" ::"a"(0x40));
  TRY("lmsw", "lmsw %%ax" ::"a"(1));
  TRY("clts", "clts");
  TRY("wbinvd", "wbinvd");
  TRY("invd", "invd");
  TRY("invlpg", "invlpg %0" ::"m"(table));
  TRY("rdmsr", "rdmsr" ::"c"(0x10) : "eax", "edx");
  TRY("wrmsr", "wrmsr" ::"c"(0xc0000082), "a"(0), "d"(0));
  TRY("xsetbv", "xsetbv" ::"c"(0), "a"(1), "d"(0));
#ifdef __x86_64__
  TRY("mov from cr0", "mov %%cr0, %%rax" :: : "rax");
  TRY("mov to cr3", "mov %%rax, %%cr3" ::"a"(0));
  TRY("mov to cr4", "mov %%rax, %%cr4" ::"a"(0));
  TRY("mov to dr7", "mov %%rax, %%db7" ::"a"(0));
  TRY("swapgs", "swapgs");
  TRY("sysret", "sysretq" ::"c"(0) : "r11");
  TRY("the kernel's code", "pushq $0x10; pushq $0; lretq");
#else
  TRY("the kernel's code", "pushl $0x10; pushl $0; lretl");
  TRY("mov from cr0", "mov %%cr0, %%eax" :: : "eax");
  TRY("mov to cr3", "mov %%eax, %%cr3" ::"a"(0));
#endif
  TRY("int 0x20", "int $0x20");
  TRY("int 0x24", "int $0x24");
  TRY("int 0x0e", "int $0x0e");
  TRY("int 0x81", "int $0x81");
  TRY("int 0xff", "int $0xff");
  TRY("int 3", "int3");
  TRY("int 4", "int $4");
  TRY("the kernel's data segment", "mov %0, %%es" ::"r"(0x18));
  TRY("ud2", "ud2");
  return 0;
}
