// Calls that name another process or thread: limits, priorities, scheduling, what tasks share.
#include <linux/futex.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { kNobody = 4194000, kIoClass = 2 << 13 };

static volatile int thread_id;
static void* thread(void* unused) {
  thread_id = (int)syscall(SYS_gettid);
  for (;;) pause();
  return unused;
}

static int start_child(void) {
  fflush(stdout);
  int pid = fork();
  if (pid == 0)
    for (;;) pause();
  return pid;
}

static void scheduling(int pid) {
  struct sched_param none = {0}, one = {.sched_priority = 1};
  struct timespec interval;
  cpu_set_t set;
  SHOW("batch", sched_setscheduler(pid, SCHED_BATCH, &none));
  SHOW("is batch", sched_getscheduler(pid));
  SHOW("is not", sched_getscheduler(0));
  SHOW("setparam", sched_setparam(pid, &none));
  SHOW("setparam of a rank", sched_setparam(pid, &one));
  SHOW("other", sched_setscheduler(pid, SCHED_OTHER, &none));
  SHOW("other with a rank", sched_setscheduler(pid, SCHED_OTHER, &one));
  SHOW("first without a rank", sched_setscheduler(pid, SCHED_FIFO, &none));
  SHOW("an odd policy", sched_setscheduler(pid, 77, &none));
  SHOW("nobody", sched_setscheduler(kNobody, SCHED_OTHER, &none));
  SHOW("a negative one", sched_setscheduler(-1, SCHED_OTHER, &none));
  SHOW("getparam", sched_getparam(pid, &one));
  SHOW("getparam of nobody", sched_getparam(kNobody, &one));
  SHOW("rr_get_interval", sched_rr_get_interval(pid, &interval));
  SHOW("rr_get_interval of nobody", sched_rr_get_interval(kNobody, &interval));
  unsigned attributes[16] = {0};
  SHOW("getattr", syscall(SYS_sched_getattr, pid, attributes, 48, 0));
  printf("size %u, policy %u\n", attributes[0], attributes[1]);
  SHOW("getattr, too small", syscall(SYS_sched_getattr, pid, attributes, 40, 0));
  SHOW("getattr of nobody", syscall(SYS_sched_getattr, kNobody, attributes, 48, 0));
  SHOW("setattr", syscall(SYS_sched_setattr, pid, attributes, 0));
  SHOW("setattr of nobody", syscall(SYS_sched_setattr, kNobody, attributes, 0));
  SHOW("getaffinity", sched_getaffinity(pid, sizeof set, &set));
  SHOW("getaffinity of nobody", sched_getaffinity(kNobody, sizeof set, &set));
  SHOW("setaffinity of nobody", sched_setaffinity(kNobody, sizeof set, &set));
}

static void priorities(int pid) {
  SHOW("setpriority", setpriority(PRIO_PROCESS, (id_t)pid, 5));
  SHOW("getpriority", getpriority(PRIO_PROCESS, (id_t)pid));
  SHOW("one's own", getpriority(PRIO_PROCESS, 0));
  SHOW("of nobody", getpriority(PRIO_PROCESS, kNobody));
  SHOW("set nobody's", setpriority(PRIO_PROCESS, kNobody, 5));
  SHOW("of no group", getpriority(PRIO_PGRP, kNobody));
  SHOW("of no user", getpriority(PRIO_USER, 54321));
  SHOW("of nothing", getpriority((__priority_which_t)3, 0));
  SHOW("ioprio_set", syscall(SYS_ioprio_set, 1, pid, kIoClass | 5));
  SHOW("ioprio_get", syscall(SYS_ioprio_get, 1, pid));
  SHOW("of nobody", syscall(SYS_ioprio_get, 1, kNobody));
  SHOW("set nobody's", syscall(SYS_ioprio_set, 1, kNobody, kIoClass));
  SHOW("of nothing", syscall(SYS_ioprio_get, 7, pid));
  SHOW("an odd class", syscall(SYS_ioprio_set, 1, pid, (5 << 13) | 9));
}

static void limits(int pid) {
  struct rlimit limit = {0, 0}, wanted = {77, 100}, above = {50, 1000000};
  SHOW("prlimit", prlimit(pid, RLIMIT_NOFILE, &wanted, &limit));
  SHOW("asked again", prlimit(pid, RLIMIT_NOFILE, NULL, &limit));
  printf("%d of %d\n", (int)limit.rlim_cur, (int)limit.rlim_max);
  getrlimit(RLIMIT_NOFILE, &limit);
  printf("one's own is another: %d\n", limit.rlim_cur != 77);
  SHOW("soft above hard", prlimit(pid, RLIMIT_NOFILE, &(struct rlimit){101, 100}, NULL));
  SHOW("a hard limit raised", prlimit(pid, RLIMIT_CORE, &above, NULL));
  SHOW("an odd resource", prlimit(pid, 99, NULL, &limit));
  SHOW("of nobody", prlimit(kNobody, RLIMIT_NOFILE, NULL, &limit));
}

static long shared(int one, int other, int kind) {
  return syscall(SYS_kcmp, one, other, kind, 1, 1) != 0;
}

static void sharing(int pid) {
  const int kinds[] = {KCMP_VM, KCMP_FILES, KCMP_FS, KCMP_SIGHAND};
  for (int i = 0; i < 4; ++i) {
    printf("kind %d: with a thread %ld, with a child %ld\n", kinds[i],
           shared(getpid(), thread_id, kinds[i]), shared(getpid(), pid, kinds[i]));
  }
  SHOW("the same file", syscall(SYS_kcmp, getpid(), pid, KCMP_FILE, 1, 1));
  SHOW("no such descriptor", syscall(SYS_kcmp, getpid(), pid, KCMP_FILE, 1, 99));
  SHOW("an odd kind", syscall(SYS_kcmp, getpid(), pid, 99, 1, 1));
  SHOW("nobody", syscall(SYS_kcmp, getpid(), kNobody, KCMP_VM, 1, 1));
}

static void families(int pid) {
  printf("group %d, session %d\n", getpgid(pid) == getpgrp(), getsid(pid) == getsid(0));
  SHOW("group of nobody", getpgid(kNobody));
  SHOW("session of nobody", getsid(kNobody));
  SHOW("group of a negative", getpgid(-1));
  SHOW("setpgid of nobody", setpgid(kNobody, 0));
  SHOW("kill nobody", kill(kNobody, 0));
  SHOW("kill no group", kill(-kNobody, 0));
  SHOW("tgkill", syscall(SYS_tgkill, pid, pid, 0));
  SHOW("tgkill, not its thread", syscall(SYS_tgkill, pid, getpid(), 0));
  void* list;
  size_t size;
  SHOW("robust list", syscall(SYS_get_robust_list, pid, &list, &size));
  SHOW("robust list of nobody", syscall(SYS_get_robust_list, kNobody, &list, &size));
  clockid_t clock;
  SHOW("clock of nobody", clock_getcpuclockid(kNobody, &clock));
}

// As many processes as the limit says, threads included; not for those that have rights.
static void count(void) {
  struct rlimit few = {4, 4};
  setrlimit(RLIMIT_NPROC, &few);
  int children[8], made = 0;
  fflush(stdout);
  for (; made < 8; ++made) {
    children[made] = fork();
    if (children[made] == 0)
      for (;;) pause();
    if (children[made] < 0) break;
  }
  if (made < 8)
    printf("%d children, then %s\n", made, strerrorname_np(errno));
  else
    puts("8 children");
  pthread_t extra;
  if (made < 8)
    printf("a thread: %s\n", strerrorname_np(pthread_create(&extra, NULL, thread, NULL)));
  for (int i = 0; i < made; ++i) kill(children[i], SIGKILL);
  for (int i = 0; i < made; ++i) wait(NULL);
  if (made < 8) {
    int again = fork();
    if (again == 0) _exit(0);
    printf("and again %d\n", again > 0);
    wait(NULL);
  }
}

static void in_child(void (*run)(void), int user) {
  fflush(stdout);
  if (fork() == 0) {
    if (user != 0 && (setgid(user) != 0 || setuid(user) != 0)) puts("no other user");
    run();
    fflush(stdout);
    _exit(0);
  }
  wait(NULL);
}

static int other;
static void as_another_user(void) {
  struct rlimit limit;
  void* list;
  size_t size;
  struct sched_param none = {0};
  SHOW("kill", kill(other, 0));
  SHOW("prlimit", prlimit(other, RLIMIT_NOFILE, NULL, &limit));
  SHOW("robust list", syscall(SYS_get_robust_list, other, &list, &size));
  SHOW("kcmp", syscall(SYS_kcmp, getpid(), other, KCMP_VM, 0, 0));
  SHOW("setpriority", setpriority(PRIO_PROCESS, (id_t)other, 9));
  SHOW("setscheduler", sched_setscheduler(other, SCHED_BATCH, &none));
  SHOW("getscheduler", sched_getscheduler(other));
  SHOW("ioprio_set", syscall(SYS_ioprio_set, 1, other, kIoClass | 5));
  int fd = (int)syscall(SYS_pidfd_open, other, 0);
  SHOW("signal by pidfd", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
  SHOW("take by pidfd", syscall(SYS_pidfd_getfd, fd, 0, 0));
}

int main(void) {
  pthread_t started;
  pthread_create(&started, NULL, thread, NULL);
  while (!thread_id) usleep(1000);
  other = start_child();
  scheduling(other);
  priorities(other);
  limits(other);
  sharing(other);
  families(other);
  in_child(as_another_user, 12345);
  if (getuid() == 0) {
    in_child(count, 100000 + getpid());  // a user whom nobody else counts for
    in_child(count, 0);
  }
  kill(other, SIGKILL);
  waitpid(other, NULL, 0);
  SHOW("of one that is gone", getpriority(PRIO_PROCESS, (id_t)other));
  fflush(stdout);
  _exit(0);
}
