// timer_create and its kin: signals to the process or a thread, overruns, errors.
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static const struct timespec kShort = {0, 2000000}, kNone;

// The bare calls: the library's numbers are its own.
static int create(clockid_t clock, struct sigevent* event, int* id) {
  return (int)syscall(SYS_timer_create, clock, event, id);
}
static int settime(int id, int flags, const struct itimerspec* value, struct itimerspec* old) {
  return (int)syscall(SYS_timer_settime, id, flags, value, old);
}
static int gettime(int id, struct itimerspec* value) { return (int)syscall(SYS_timer_gettime, id, value); }
static int overrun(int id) { return (int)syscall(SYS_timer_getoverrun, id); }
static int delete(int id) { return (int)syscall(SYS_timer_delete, id); }

static void arm(int id, struct timespec value, struct timespec interval) {
  const struct itimerspec setting = {.it_value = value, .it_interval = interval};
  SHOW("arm", settime(id, 0, &setting, NULL));
}

static void await(const char* what, int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  siginfo_t info = {0};
  SHOW(what, sigwaitinfo(&set, &info));
  printf("  code %d, timer %d, value %d\n", info.si_code, info.si_timerid, info.si_int);
}

static void* thread(void* unused) {
  (void)unused;
  int id = -1;
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 9};
  event._sigev_un._tid = gettid();
  SHOW("for a thread", create(CLOCK_MONOTONIC, &event, &id));
  arm(id, kShort, kNone);
  await("in the thread", SIGRTMIN);
  SHOW("delete", delete(id));
  return NULL;
}

static void errors(int first, int third) {
  struct itimerspec at = {0}, now;
  struct sigevent event = {.sigev_signo = SIGUSR1, .sigev_notify = 99};
  SHOW("clock", create(77, (struct sigevent*)8, &first));
  SHOW("clock, no event", create(77, NULL, &first));
  SHOW("event", create(CLOCK_MONOTONIC, (struct sigevent*)8, &first));
  SHOW("notification", create(CLOCK_MONOTONIC, &event, &first));
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = 65;
  SHOW("signal", create(CLOCK_MONOTONIC, &event, &first));
  event.sigev_signo = 0;
  SHOW("no signal", create(CLOCK_MONOTONIC, &event, &first));
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGUSR1;
  event._sigev_un._tid = 0;
  SHOW("thread", create(CLOCK_MONOTONIC, &event, &first));
  SHOW("nowhere", create(CLOCK_MONOTONIC, NULL, (int*)8));
  SHOW("set: nothing", settime(first, 0, NULL, NULL));
  SHOW("set: pointer", settime(99, 0, (struct itimerspec*)8, NULL));
  at.it_value.tv_nsec = 2000000000;
  SHOW("set: value", settime(first, 0, &at, NULL));
  at.it_value.tv_nsec = 0;
  at.it_interval.tv_sec = -1;
  SHOW("set: interval", settime(first, 0, &at, NULL));
  at.it_interval.tv_sec = 0;
  SHOW("set: old", settime(third, 0, &at, (struct itimerspec*)8));
  SHOW("get: pointer", gettime(third, (struct itimerspec*)8));
  SHOW("get: none", gettime(99, (struct itimerspec*)8));
  SHOW("get: below none", gettime(-1, &now));
  SHOW("overrun: none", overrun(99));
  SHOW("delete", delete(third));
  SHOW("delete again", delete(third));
}

int main(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, NULL);

  int first = -1, second = -1, third = -1;
  SHOW("by default", create(CLOCK_MONOTONIC, NULL, &first));
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 5};
  SHOW("with an event", create(CLOCK_REALTIME, &event, &second));
  event.sigev_notify = SIGEV_NONE;
  SHOW("without a signal", create(CLOCK_BOOTTIME, &event, &third));
  printf("%d %d %d\n", first, second, third);

  arm(first, kShort, kNone);
  await("once", SIGALRM);
  SHOW("overrun", overrun(first));
  arm(second, kShort, kShort);
  await("again", SIGUSR1);
  await("and again", SIGUSR1);
  // It is blocked, and goes off more than once.
  usleep(30000);
  await("late", SIGUSR1);
  printf("went off meanwhile: %d\n", overrun(second) >= 3);
  struct itimerspec now = {0}, long_time = {.it_value = {1000, 0}, .it_interval = {7, 5}};
  SHOW("set", settime(second, 0, &long_time, &now));
  printf("interval before: %ld %ld\n", (long)now.it_interval.tv_sec, now.it_interval.tv_nsec);
  SHOW("get", gettime(second, &now));
  printf("%ld s left, interval %ld %ld\n", (long)now.it_value.tv_sec, (long)now.it_interval.tv_sec, now.it_interval.tv_nsec);
  SHOW("stop", settime(second, 0, &(struct itimerspec){0}, &now));
  SHOW("get", gettime(second, &now));
  printf("%ld %ld, interval %ld\n", (long)now.it_value.tv_sec, now.it_value.tv_nsec, (long)now.it_interval.tv_sec);

  // At a time of the clock; the past is now.
  struct itimerspec at = {0};
  clock_gettime(CLOCK_REALTIME, &at.it_value);
  at.it_value.tv_sec -= 10;
  SHOW("in the past", settime(second, TIMER_ABSTIME, &at, NULL));
  await("at once", SIGUSR1);
  clock_gettime(CLOCK_BOOTTIME, &at.it_value);
  at.it_value.tv_sec += 100;
  SHOW("in the future", settime(third, TIMER_ABSTIME, &at, NULL));
  SHOW("get", gettime(third, &now));
  printf("about 100 s left: %d\n", now.it_value.tv_sec >= 90 && now.it_value.tv_sec <= 100);

  pthread_t other;
  pthread_create(&other, NULL, thread, NULL);
  pthread_join(other, NULL);

  // A child has none of them.
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    SHOW("child's", gettime(first, &now));
    int id = -1;
    SHOW("child's own", create(CLOCK_MONOTONIC, NULL, &id));
    printf("%d\n", id);
    exit(0);
  }
  waitpid(child, NULL, 0);
  errors(first, third);
  return 0;
}
