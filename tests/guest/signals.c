// Handlers, masks, stacks, restarts.
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "check.h"

#ifdef __i386__
#define INSTRUCTION_POINTER REG_EIP
#else
#define INSTRUCTION_POINTER REG_RIP
#endif

static volatile sig_atomic_t count, last_signal, last_code, on_stack;
static char *page;
static char alternate[65536];
static sigjmp_buf escape;

static void note(int signal, siginfo_t *info, void *context) {
  (void)context;
  char here;
  ++count;
  last_signal = signal;
  last_code = info->si_code;
  on_stack = &here >= alternate && &here < alternate + sizeof alternate;
}

static void mend(int signal, siginfo_t *info, void *context) {
  note(signal, info, context);
  if ((char *)info->si_addr == page + 100) mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

static void leave(int signal, siginfo_t *info, void *context) {
  note(signal, info, context);
  siglongjmp(escape, 1);
}

static void skip(int signal, siginfo_t *info, void *context) {
  note(signal, info, context);
  ((ucontext_t *)context)->uc_mcontext.gregs[INSTRUCTION_POINTER] += 2;  // ud2
}

static void on(int signal, void (*handler)(int, siginfo_t *, void *), int flags) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
  sigemptyset(&action.sa_mask);
  if (sigaction(signal, &action, NULL) != 0) die("sigaction");
}

static int overflow(volatile char *above) {
  volatile char frame[4096];
  frame[0] = above[0];
  return overflow(frame) + frame[0];
}

static void alarm_in(int milliseconds) {
  struct itimerval timer = {.it_value = {.tv_usec = milliseconds * 1000}};
  setitimer(ITIMER_REAL, &timer, NULL);
}

static void faults(void) {
  page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  on(SIGSEGV, mend, 0);
  page[100] = 5;
  printf("mended: %d, signal %d, code %d, value %d\n", count, last_signal, last_code, page[100]);
  on(SIGSEGV, leave, 0);
  if (sigsetjmp(escape, 1) == 0) *(volatile int *)16 = 1;
  printf("left: code %d\n", last_code);
  on(SIGILL, skip, 0);
  __asm__ volatile("ud2");
  printf("skipped: signal %d, code %d\n", last_signal, last_code);
  on(SIGFPE, leave, 0);
  if (sigsetjmp(escape, 1) == 0) {
    volatile int zero = 0;
    printf("%d\n", 100 / zero);
  }
  printf("divided: signal %d, code %d\n", last_signal, last_code);
}

static void stacks(void) {
  stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  SHOW("sigaltstack", sigaltstack(&stack, NULL));
  on(SIGUSR1, note, SA_ONSTACK);
  raise(SIGUSR1);
  printf("on its stack: %d\n", on_stack);
  on(SIGUSR1, note, 0);
  raise(SIGUSR1);
  printf("on the usual: %d\n", on_stack);
  on(SIGSEGV, leave, SA_ONSTACK);
  char c = 0;
  if (sigsetjmp(escape, 1) == 0) overflow(&c);
  printf("stack overflow: signal %d, on its stack %d\n", last_signal, on_stack);
}

static void masks(void) {
  sigset_t set, pending, old;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  on(SIGUSR1, note, 0);
  count = 0;
  sigprocmask(SIG_BLOCK, &set, &old);
  raise(SIGUSR1);
  raise(SIGUSR1);
  sigpending(&pending);
  printf("blocked: %d delivered, pending %d\n", count, sigismember(&pending, SIGUSR1));
  sigprocmask(SIG_SETMASK, &old, NULL);
  printf("unblocked: %d delivered\n", count);

  sigprocmask(SIG_BLOCK, &set, &old);
  raise(SIGUSR1);
  siginfo_t info;
  struct timespec none = {0, 0};
  SHOW("sigtimedwait", sigtimedwait(&set, &info, &none));
  SHOW("sigtimedwait", sigtimedwait(&set, &info, &none));
  raise(SIGUSR1);
  sigset_t empty;
  sigemptyset(&empty);
  SHOW("sigsuspend", sigsuspend(&empty));
  printf("suspended: %d\n", count);
  sigprocmask(SIG_SETMASK, &old, NULL);

  sigset_t real;
  sigemptyset(&real);
  sigaddset(&real, SIGRTMIN + 1);
  sigprocmask(SIG_BLOCK, &real, NULL);
  for (int i = 0; i < 3; ++i) {
    union sigval value = {.sival_int = 10 + i};
    sigqueue(getpid(), SIGRTMIN + 1, value);
  }
  for (int i = 0; i < 3; ++i) {
    sigwaitinfo(&real, &info);
    printf("queued: %d, code %d\n", info.si_value.sival_int, info.si_code);
  }
}

static int ends[2];

static void feed(int signal, siginfo_t *info, void *context) {
  note(signal, info, context);
  if (write(ends[1], "f", 1) != 1) die("write");
}

static void interrupted_calls(void) {
  char byte;
  if (pipe(ends) != 0) die("pipe");
  on(SIGALRM, feed, SA_RESTART);
  alarm_in(30);
  SHOW("read restarted", read(ends[0], &byte, 1));
  on(SIGALRM, note, 0);
  alarm_in(30);
  SHOW("read interrupted", read(ends[0], &byte, 1));
  struct timespec second = {5, 0}, left = {0, 0};
  alarm_in(30);
  SHOW("nanosleep interrupted", nanosleep(&second, &left));
  printf("left: %d\n", left.tv_sec == 4);
  alarm_in(30);
  SHOW("pause", pause());
  count = 0;
  on(SIGALRM, note, SA_RESETHAND);
  alarm_in(5);
  while (count == 0) {
  }
  struct sigaction now;
  sigaction(SIGALRM, NULL, &now);
  printf("reset: %d\n", now.sa_handler == SIG_DFL);
  close(ends[0]);
  on(SIGPIPE, note, 0);
  SHOW("write to a closed pipe", write(ends[1], "x", 1));
  printf("signal %d, code %d\n", last_signal, last_code);
  signal(SIGPIPE, SIG_IGN);
  SHOW("write, ignored", write(ends[1], "x", 1));
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  faults();
  stacks();
  masks();
  interrupted_calls();
  SHOW("sigaction SIGKILL", sigaction(SIGKILL, &(struct sigaction){.sa_handler = SIG_IGN}, NULL));
  SHOW("kill nobody", kill(getpid() + 100000, 0));
  SHOW("kill bad signal", kill(getpid(), 65));
  return 0;
}
