// Code that loops for ever, without a call or a fault: only a signal can end it.   endless HOW
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"

static sigjmp_buf out;
static volatile sig_atomic_t count;

static void leave(int signal) { siglongjmp(out, signal); }
static void count_to_five(int signal) {
  if (count < 5 && ++count == 5) siglongjmp(out, signal);
}

static void set(int which, suseconds_t first, suseconds_t interval) {
  const struct itimerval timer = {.it_value.tv_usec = first, .it_interval.tv_usec = interval};
  if (setitimer(which, &timer, NULL) != 0) die("setitimer");
}

static void loop(void) {
  for (;;) __asm__ volatile("");
}

int main(int argc, char** argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  const char* how = argc > 1 ? argv[1] : "";
  puts("on");
  if (strcmp(how, "killed") == 0) {
    set(ITIMER_REAL, 20000, 0);
  } else if (strcmp(how, "alarm") == 0) {
    signal(SIGALRM, leave);
    alarm(1);
  } else if (strcmp(how, "interval") == 0) {
    signal(SIGALRM, count_to_five);
    set(ITIMER_REAL, 5000, 5000);
  } else if (strcmp(how, "virtual") == 0) {
    signal(SIGVTALRM, leave);
    set(ITIMER_VIRTUAL, 20000, 0);
  } else if (strcmp(how, "profile") == 0) {
    signal(SIGPROF, leave);
    set(ITIMER_PROF, 20000, 0);
  } else if (strcmp(how, "interrupt") == 0) {
    signal(SIGINT, leave);
  }
  const int signal = sigsetjmp(out, 1);
  if (signal == 0) loop();
  printf("out by SIG%s, %d\n", sigabbrev_np(signal), (int)count);
  return 7;
}
