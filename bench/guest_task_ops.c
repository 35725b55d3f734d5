// The operations of the bench table on processes, threads, signals and calls.
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest_ops.h"

// The parent's part of fork; `writes`: the parent has written to all of it since the last one.
static double fork_resident(size_t bytes, int rounds, int writes) {
  char* p = map_anonymous(bytes);
  touch(p, bytes);
  double spent = 0;
  for (int i = 0; i < rounds; i++) {
    if (writes) touch(p, bytes);
    const double start = now();
    const pid_t child = fork();
    if (child == 0) _exit(0);
    spent += now() - start;
    if (child < 0) return -1;
    waitpid(child, NULL, 0);
  }
  munmap(p, bytes);
  return spent / rounds;
}
static double fork_1(void) { return fork_resident((size_t)1 << 20, 50, 0); }
static double fork_64(void) { return fork_resident((size_t)64 << 20, 10, 0); }
static double fork_1024(void) { return fork_resident((size_t)1024 << 20, 3, 0); }
static double fork_written(void) { return fork_resident((size_t)1024 << 20, 3, 1); }

// From the fork to the child's end, as its parent sees it.
static double process_resident(size_t bytes, int rounds) {
  char* p = map_anonymous(bytes);
  touch(p, bytes);
  const double start = now();
  for (int i = 0; i < rounds; i++) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    if (child < 0 || waitpid(child, NULL, 0) != child) return -1;
  }
  const double spent = now() - start;
  munmap(p, bytes);
  return spent / rounds;
}
static double process_1(void) { return process_resident((size_t)1 << 20, 100); }
static double process_64(void) { return process_resident((size_t)64 << 20, 20); }

// A child writes to each page that it shares with its parent.
static double cow_fault(void) {
  const size_t bytes = 16 << 20;
  const int rounds = 5;
  double* spent = mmap(NULL, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (spent == MAP_FAILED) die("mmap");
  char* p = map_anonymous(bytes);
  touch(p, bytes);
  for (int i = 0; i < rounds; i++) {
    const pid_t child = fork();
    if (child == 0) {
      const double start = now();
      touch(p, bytes);
      *spent += now() - start;
      _exit(0);
    }
    if (child < 0 || waitpid(child, NULL, 0) != child) return -1;
  }
  const double result = *spent / rounds / (double)(bytes / kPage);
  munmap(p, bytes);
  munmap(spent, kPage);
  return result;
}

static double touch_by_reading(char* start, size_t bytes) {
  const double begin = now();
  for (size_t at = 0; at < bytes; at += kPage) (void)*(volatile char*)(start + at);
  return now() - begin;
}
static double touch_by_writing(char* start, size_t bytes) {
  const double begin = now();
  touch(start, bytes);
  return now() - begin;
}

// What the parent of a child that has ended uses again, a page.
static double use_after_fork(double (*use)(char*, size_t)) {
  const size_t bytes = 64 << 20;
  const int rounds = 3;
  char* p = map_anonymous(bytes);
  touch(p, bytes);
  double spent = 0;
  for (int i = 0; i < rounds; i++) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    if (child < 0 || waitpid(child, NULL, 0) != child) return -1;
    spent += use(p, bytes);
    touch(p, bytes);
  }
  munmap(p, bytes);
  return spent / rounds / (double)(bytes / kPage);
}
static double read_after_fork(void) { return use_after_fork(touch_by_reading); }
static double write_after_fork(void) { return use_after_fork(touch_by_writing); }

static double pipe_ping_pong(void) {
  const int rounds = 5000;
  int there[2], back[2];
  char byte = 0;
  if (pipe(there) != 0 || pipe(back) != 0) die("pipe");
  const pid_t child = fork();
  if (child < 0) return -1;
  if (child == 0) {
    close(there[1]);
    while (read(there[0], &byte, 1) == 1)
      if (write(back[1], &byte, 1) != 1) _exit(1);
    _exit(0);
  }
  close(there[0]);
  const double start = now();
  for (int i = 0; i < rounds; i++)
    if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) die("pipe");
  const double spent = now() - start;
  close(there[1]), close(back[0]), close(back[1]);
  waitpid(child, NULL, 0);
  return spent / rounds;
}

static void* return_at_once(void* argument) { return argument; }

static double thread_create_join(void) {
  const int rounds = 1000;
  const double start = now();
  for (int i = 0; i < rounds; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, return_at_once, NULL) != 0) return -1;
    pthread_join(thread, NULL);
  }
  return (now() - start) / rounds;
}

struct Toucher {
  pthread_barrier_t* together;
  char* start;
  size_t bytes;
  double from, to;
};

static void* touch_together(void* argument) {
  struct Toucher* toucher = argument;
  pthread_barrier_wait(toucher->together);
  toucher->from = now();
  touch(toucher->start, toucher->bytes);
  toucher->to = now();
  return NULL;
}

// Each of the threads touches memory of its own in the address space that they share.
static double touch_by_threads(size_t threads) {
  enum { kMost = 8 };
  const size_t bytes = 64 << 20, share = bytes / threads;
  pthread_barrier_t together;
  pthread_barrier_init(&together, NULL, (unsigned)threads);
  double best = 1e18;
  for (int round = 0; round < 6; round++) {  // the first round makes the frames known
    char* p = map_anonymous(bytes);
    pthread_t thread[kMost];
    struct Toucher toucher[kMost];
    for (size_t i = 0; i < threads; i++) {
      toucher[i] = (struct Toucher){&together, p + i * share, share, 0, 0};
      if (pthread_create(&thread[i], NULL, touch_together, &toucher[i]) != 0) die("thread");
    }
    double from = 1e18, to = 0;
    for (size_t i = 0; i < threads; i++) {
      pthread_join(thread[i], NULL);
      if (toucher[i].from < from) from = toucher[i].from;
      if (toucher[i].to > to) to = toucher[i].to;
    }
    if (round > 0 && to - from < best) best = to - from;
    munmap(p, bytes);
  }
  pthread_barrier_destroy(&together);
  return best / (double)(bytes / kPage);
}
static double touch_one_thread(void) { return touch_by_threads(1); }
static double touch_two_threads(void) { return touch_by_threads(2); }

static void on_signal(int signal) { (void)signal; }

static double signal_self(void) {
  const int rounds = 20000;
  signal(SIGUSR1, on_signal);
  const pid_t self = getpid();
  const double start = now();
  for (int i = 0; i < rounds; i++) kill(self, SIGUSR1);
  return (now() - start) / rounds;
}

static char* guarded;
static void on_guarded(int signal) {
  (void)signal;
  if (mprotect(guarded, kPage, PROT_READ | PROT_WRITE) != 0) _exit(1);
}

// A write to a read-only page, whose handler allows it; then read-only again, as collectors do.
static double segv_protect(void) {
  const int rounds = 20000;
  guarded = map_anonymous(kPage);
  *guarded = 1;
  signal(SIGSEGV, on_guarded);
  const double start = now();
  for (int i = 0; i < rounds; i++) {
    if (mprotect(guarded, kPage, PROT_READ) != 0) return -1;
    *(volatile char*)guarded = 1;
  }
  const double spent = now() - start;
  signal(SIGSEGV, SIG_DFL);
  munmap(guarded, kPage);
  return spent / rounds;
}

static double read_clock(void) {
  const int rounds = 1000000;
  const double start = now();
  for (int i = 0; i < rounds; i++) now();
  return (now() - start) / rounds;
}

static double null_syscall(void) {
  const int rounds = 100000;
  const double start = now();
  for (int i = 0; i < rounds; i++) syscall(SYS_getppid);
  return (now() - start) / rounds;
}

// What any machine that traps system calls by seccomp pays at least: SIGSYS and sigreturn in one
// process.
static void on_sigsys(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)info;
  ((ucontext_t*)context)->uc_mcontext.gregs[REG_RAX] = 1;
}

static double trap_floor(void) {
  struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGSYS, &action, NULL);
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return -1;
  const int rounds = 100000;
  const double start = now();
  for (int i = 0; i < rounds; i++) syscall(SYS_getppid);
  return (now() - start) / rounds;
}

const struct Operation kTaskOperations[] = {
    {"fork_1", fork_1},
    {"fork_64", fork_64},
    {"fork_1024", fork_1024},
    {"fork_written", fork_written},
    {"process_1", process_1},
    {"process_64", process_64},
    {"cow_fault", cow_fault},
    {"read_after_fork", read_after_fork},
    {"write_after_fork", write_after_fork},
    {"pipe_ping_pong", pipe_ping_pong},
    {"thread_create_join", thread_create_join},
    {"touch_one_thread", touch_one_thread},
    {"touch_two_threads", touch_two_threads},
    {"signal_self", signal_self},
    {"segv_protect", segv_protect},
    {"read_clock", read_clock},
    {"null_syscall", null_syscall},
    {"trap_floor", trap_floor},  // last: its filter stays
};
const size_t kTaskOperationCount = sizeof kTaskOperations / sizeof *kTaskOperations;
