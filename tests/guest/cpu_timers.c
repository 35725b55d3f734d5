// Clocks and timers of CPU time: interval timers, timer_create, clocks of others, sleeps, the limit.
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { kVirt = 1, kScheduled = 2, kThread = 4 };
static const long kNanoseconds = 1000000000;

// As the kernel numbers them: 0 is the caller.
static clockid_t clock_of(int id, int kind) { return (clockid_t)(~(unsigned)id << 3 | (unsigned)kind); }

static long long read_clock(clockid_t clock) {
  struct timespec now = {0};
  if (syscall(SYS_clock_gettime, clock, &now) != 0) return -1;
  return now.tv_sec * (long long)kNanoseconds + now.tv_nsec;
}

static volatile sig_atomic_t came[65];
static volatile sig_atomic_t code;
static void note(int signal, siginfo_t* info, void* context) {
  (void)context;
  ++came[signal];
  code = info->si_code;
}

static void catch(int signal) {
  struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(signal, &action, NULL);
  came[signal] = 0;
}

// Works until so much of the clock has gone, or a signal has come.
static int burn_clock(clockid_t clock, long milliseconds, int signal) {
  const long long end = read_clock(clock) + milliseconds * 1000000LL;
  static volatile unsigned work;
  while (!came[signal] && read_clock(clock) < end) {
    for (int i = 0; i < 20000; ++i) work += (unsigned)i;
  }
  return came[signal] != 0;
}
static int burn(long milliseconds, int signal) { return burn_clock(CLOCK_PROCESS_CPUTIME_ID, milliseconds, signal); }

static void itimers(void) {
  struct itimerval setting = {.it_value.tv_usec = 10000}, now, before;
  const int kinds[] = {ITIMER_VIRTUAL, ITIMER_PROF};
  const int signals[] = {SIGVTALRM, SIGPROF};
  for (int i = 0; i < 2; ++i) {
    catch(signals[i]);
    SHOW("itimer", setitimer(kinds[i], &setting, &before));
    printf("  before: %ld %ld\n", (long)before.it_value.tv_sec, (long)before.it_value.tv_usec);
    // Nothing passes while it sleeps.
    usleep(30000);
    printf("  while asleep: %d\n", came[signals[i]]);
    printf("  came: %d", burn(2000, signals[i]));
    printf(", code %d\n", code == SI_KERNEL);
    SHOW("  get", getitimer(kinds[i], &now));
    printf("  over: %ld %ld\n", (long)now.it_value.tv_sec, (long)now.it_value.tv_usec);
    setting.it_interval.tv_usec = 10000;
    SHOW("again and again", setitimer(kinds[i], &setting, NULL));
    for (int n = 0; n < 3; ++n) {
      came[signals[i]] = 0;
      printf("  came: %d\n", burn(2000, signals[i]));
    }
    setting = (struct itimerval){{3, 0}, {1000, 0}};
    SHOW("  long", setitimer(kinds[i], &setting, &before));
    printf("  interval before: %ld %ld\n", (long)before.it_interval.tv_sec, (long)before.it_interval.tv_usec);
    SHOW("  get", getitimer(kinds[i], &now));
    printf("  left: %d, interval %ld\n", now.it_value.tv_sec >= 999 && now.it_value.tv_sec <= 1000, (long)now.it_interval.tv_sec);
    setting = (struct itimerval){0};
    SHOW("  stop", setitimer(kinds[i], &setting, NULL));
    setting.it_value.tv_usec = 10000;
  }
  setting.it_value.tv_usec = 1000000;
  SHOW("microseconds", setitimer(ITIMER_PROF, &setting, NULL));
  SHOW("kind", setitimer(3, &setting, NULL));
  SHOW("get: kind", getitimer(3, &now));
  SHOW("get: pointer", syscall(SYS_getitimer, ITIMER_PROF, 8));
}

// The time of all threads counts, and a fork starts anew.
static void* burn_thread(void* unused) {
  (void)unused;
  burn_clock(CLOCK_THREAD_CPUTIME_ID, 20, 0);
  return NULL;
}

static void clocks(void) {
  const long long thread = read_clock(CLOCK_THREAD_CPUTIME_ID), process = read_clock(CLOCK_PROCESS_CPUTIME_ID);
  printf("own thread is part of the process: %d\n", thread > 0 && thread <= process);
  pthread_t other;
  pthread_create(&other, NULL, burn_thread, NULL);
  pthread_join(other, NULL);
  const long long later = read_clock(CLOCK_PROCESS_CPUTIME_ID);
  printf("another thread's: %d\n", later - process >= 20000000);
  printf("not the own: %d\n", read_clock(CLOCK_THREAD_CPUTIME_ID) - thread < later - process);
  struct rusage used, of_thread;
  getrusage(RUSAGE_SELF, &used);
  getrusage(RUSAGE_THREAD, &of_thread);
  const long long sum = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000LL + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
  const long long part =
      (of_thread.ru_utime.tv_sec + of_thread.ru_stime.tv_sec) * 1000000LL + of_thread.ru_utime.tv_usec + of_thread.ru_stime.tv_usec;
  // A stop of the whole machine may lie between two readings: 0.2 s of it make no difference.
  printf("getrusage agrees: %d, the thread's is less: %d\n",
         sum >= later / 1000 - 1 && sum <= read_clock(CLOCK_PROCESS_CPUTIME_ID) / 1000 + 200000, part < sum);
  struct tms ticks;
  times(&ticks);
  const long long hundredths = ticks.tms_utime + ticks.tms_stime;
  printf("times agrees: %d\n", hundredths >= sum / 10000 - 2 && hundredths <= read_clock(CLOCK_PROCESS_CPUTIME_ID) / 10000000 + 20);
  printf("user and all: %d\n", read_clock(clock_of(0, kVirt)) <= read_clock(clock_of(0, 0)));
  printf("sleep costs nothing: ");
  const long long awake = read_clock(CLOCK_PROCESS_CPUTIME_ID);
  usleep(100000);
  printf("%d\n", read_clock(CLOCK_PROCESS_CPUTIME_ID) - awake < 50000000);
}

static void others(void) {
  fflush(stdout);
  int started[2], go[2];
  char byte;
  if (pipe(started) != 0 || pipe(go) != 0) die("pipe");
  const pid_t child = fork();
  if (child == 0) {
    const long long own = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    printf("a child's starts anew: %d\n", own < 20000000);
    burn(30, 0);
    fflush(stdout);
    if (write(started[1], "", 1) != 1 || read(go[0], &byte, 1) != 1) die("pipe");
    for (;;) burn(20, 0);
  }
  if (read(started[0], &byte, 1) != 1) die("pipe");
  clockid_t clock;
  SHOW("getcpuclockid", clock_getcpuclockid(child, &clock));
  printf("the right one: %d\n", clock == clock_of(child, kScheduled));
  const long long theirs = read_clock(clock);
  printf("what it used: %d\n", theirs >= 30000000 && theirs < 2000000000LL);
  SHOW("their thread", clock_gettime(clock_of(child, kThread | kScheduled), &(struct timespec){0}));
  SHOW("nobody's", clock_gettime(clock_of(99999, kScheduled), &(struct timespec){0}));
  SHOW("no kind", clock_gettime(clock_of(child, 3), &(struct timespec){0}));
  struct timespec resolution = {0}, tick = {0};
  SHOW("resolution", clock_getres(clock, &resolution));
  SHOW("resolution", clock_getres(clock_of(0, 0), &tick));
  printf("%ld, of a tick: %ld\n", resolution.tv_nsec, tick.tv_nsec);
  SHOW("set", clock_settime(clock, &resolution));
  SHOW("set the own", clock_settime(CLOCK_PROCESS_CPUTIME_ID, &resolution));
  SHOW("set the thread's", clock_settime(CLOCK_THREAD_CPUTIME_ID, &resolution));
  // Another's time wakes us; once it has ended, it never would: so it goes on until we are awake.
  if (write(go[1], "", 1) != 1) die("pipe");
  struct timespec until = {0, (theirs + 10000000) % kNanoseconds};
  until.tv_sec = (time_t)((theirs + 10000000) / kNanoseconds);
  printf("sleep until theirs: %d\n", clock_nanosleep(clock, TIMER_ABSTIME, &until, NULL));
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  SHOW("the dead one's", clock_gettime(clock, &(struct timespec){0}));
  struct rusage children;
  getrusage(RUSAGE_CHILDREN, &children);
  printf("its time is a child's: %d\n", (children.ru_utime.tv_sec + children.ru_stime.tv_sec) * 1000 + (children.ru_utime.tv_usec + children.ru_stime.tv_usec) / 1000 >= 39);
}

static void sleeps(void) {
  const struct timespec some = {0, 1000000};
  printf("sleep on the own thread's clock: %d\n", clock_nanosleep(clock_of(0, kThread | kScheduled), 0, &some, NULL));
  printf("by its name: %ld", syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &some, NULL));
  printf(" %s\n", strerrorname_np(errno));
  printf("by its number: %d\n", clock_nanosleep(clock_of(gettid(), kThread | kScheduled), 0, &some, NULL));
  printf("nobody's: %d\n", clock_nanosleep(clock_of(99999, kScheduled), 0, &some, NULL));
  // Time has passed, so the past is over at once.
  printf("the past: %d\n", clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &some, NULL));
  // Alone, nobody would ever wake it but a signal.
  catch(SIGALRM);
  struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
  sigaction(SIGALRM, &action, NULL);
  const struct itimerval soon = {.it_value.tv_usec = 20000};
  setitimer(ITIMER_REAL, &soon, NULL);
  struct timespec left = {0};
  const struct timespec much = {100, 0};
  printf("interrupted: %d", clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &much, &left));
  printf(" %d\n", left.tv_sec >= 99 && left.tv_sec <= 100);
}

static atomic_int stop;
static void* busy_thread(void* unused) {
  (void)unused;
  while (!stop) burn_clock(CLOCK_THREAD_CPUTIME_ID, 1, 0);
  return NULL;
}

static int create(clockid_t clock, struct sigevent* event, int* id) { return (int)syscall(SYS_timer_create, clock, event, id); }

static void posix_timers(void) {
  int id = -1;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 5};
  const clockid_t clocks[] = {CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, clock_of(getpid(), kVirt), clock_of(0, 0),
                              clock_of(gettid(), kThread | kScheduled)};
  for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; ++i) {
    catch(SIGUSR1);
    SHOW("create", create(clocks[i], &event, &id));
    struct itimerspec setting = {.it_value.tv_nsec = 5000000}, now = {0};
    SHOW("arm", syscall(SYS_timer_settime, id, 0, &setting, NULL));
    printf("  came: %d", burn(2000, SIGUSR1));
    printf(", code %d\n", code == SI_TIMER);
    SHOW("  get", syscall(SYS_timer_gettime, id, &now));
    printf("  over: %ld %ld\n", (long)now.it_value.tv_sec, now.it_value.tv_nsec);
    // At a time that has passed.
    came[SIGUSR1] = 0;
    setting.it_value.tv_nsec = 1;
    SHOW("  in the past", syscall(SYS_timer_settime, id, TIMER_ABSTIME, &setting, NULL));
    printf("  came: %d\n", burn(2000, SIGUSR1));
    setting = (struct itimerspec){{7, 5}, {1000, 0}};
    SHOW("  long", syscall(SYS_timer_settime, id, 0, &setting, NULL));
    SHOW("  get", syscall(SYS_timer_gettime, id, &now));
    printf("  left: %d, interval %ld %ld\n", now.it_value.tv_sec >= 999 && now.it_value.tv_sec <= 1000, (long)now.it_interval.tv_sec, now.it_interval.tv_nsec);
    SHOW("  delete", syscall(SYS_timer_delete, id));
  }
  // While another works, and this one waits: the process's time is both's.
  pthread_t other;
  pthread_create(&other, NULL, busy_thread, NULL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  SHOW("create", create(CLOCK_PROCESS_CPUTIME_ID, &event, &id));
  struct itimerspec setting = {.it_value.tv_nsec = 5000000};
  SHOW("arm", syscall(SYS_timer_settime, id, 0, &setting, NULL));
  siginfo_t info = {0};
  came[SIGUSR1] = 0;
  while (!came[SIGUSR1] && sigtimedwait(&set, &info, &(struct timespec){0, 1000000}) < 0) {
  }
  printf("  by another's work: %d\n", came[SIGUSR1] || info.si_signo == SIGUSR1);
  stop = 1;
  pthread_join(other, NULL);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  SHOW("nobody's", create(clock_of(99999, kScheduled), &event, &id));
  SHOW("no kind", create(clock_of(0, 3), &event, &id));
}

// Of one that has ended.
static void timer_of_the_dead(void) {
  fflush(stdout);
  int id = -1;
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  struct sigevent event = {.sigev_notify = SIGEV_NONE};
  SHOW("of a child's thread", create(clock_of(child, kThread | kScheduled), &event, &id));
  SHOW("of a child", create(clock_of(child, kScheduled), &event, &id));
  struct itimerspec setting = {.it_value.tv_sec = 1000}, now = {0};
  SHOW("arm", syscall(SYS_timer_settime, id, 0, &setting, NULL));
  SHOW("get", syscall(SYS_timer_gettime, id, &now));
  printf("left: %d\n", now.it_value.tv_sec >= 999);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  SHOW("get", syscall(SYS_timer_gettime, id, &now));
  printf("left: %ld %ld\n", (long)now.it_value.tv_sec, now.it_value.tv_nsec);
  SHOW("arm", syscall(SYS_timer_settime, id, 0, &setting, NULL));
  SHOW("delete", syscall(SYS_timer_delete, id));
}

static void limit(void) {
  struct rlimit limit = {0, RLIM_INFINITY};
  fflush(stdout);
  if (fork() == 0) {
    catch(SIGXCPU);
    SHOW("soft limit of nothing", setrlimit(RLIMIT_CPU, &limit));
    printf("came: %d", burn(1500, SIGXCPU));
    printf(", code %d\n", code == SI_KERNEL);
    getrlimit(RLIMIT_CPU, &limit);
    printf("and is now %ld\n", (long)limit.rlim_cur);
    came[SIGXCPU] = 0;
    printf("again: %d\n", burn(3000, SIGXCPU));
    getrlimit(RLIMIT_CPU, &limit);
    printf("and is now %ld\n", (long)limit.rlim_cur);
    exit(0);
  }
  int status = 0;
  wait(&status);
  printf("status %x\n", status);
  if (fork() == 0) {
    limit.rlim_cur = 0;
    setrlimit(RLIMIT_CPU, &limit);
    burn(3000, 0);
    exit(0);
  }
  wait(&status);
  printf("by default: signal %d\n", WTERMSIG(status));
  if (fork() == 0) {
    signal(SIGXCPU, SIG_IGN);
    limit.rlim_max = 0;
    // Inherited.
    setrlimit(RLIMIT_CPU, &limit);
    if (fork() == 0) {
      burn(3000, 0);
      _exit(0);
    }
    wait(&status);
    burn(3000, 0);
    _exit(status);
  }
  wait(&status);
  printf("hard limit: signal %d\n", WTERMSIG(status));
}

int main(void) {
  itimers();
  clocks();
  others();
  sleeps();
  posix_timers();
  timer_of_the_dead();
  limit();
  return 0;
}
