// Threads: memory that they share, faults at once, signals, robust and shared mutexes, ends.
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { kThreads = 8 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long counter;
static __thread int own;

static void* count_up(void* argument) {
  own = (int)(intptr_t)argument;
  for (int i = 0; i < 2000; ++i) {
    pthread_mutex_lock(&lock);
    ++counter;
    pthread_mutex_unlock(&lock);
  }
  return (void*)(intptr_t)own;
}

static void counts(void) {
  pthread_t threads[kThreads];
  for (intptr_t i = 0; i < kThreads; ++i) pthread_create(&threads[i], NULL, count_up, (void*)i);
  int good = 0;
  for (intptr_t i = 0; i < kThreads; ++i) {
    void* result;
    good += pthread_join(threads[i], &result) == 0 && result == (void*)i;
  }
  printf("joined %d, counted %ld, own %d\n", good, counter, own);
}

// Each touches every page of its part, and one page in the others' parts.
enum { kPages = 512 };
static unsigned char* area;
static void* touch(void* argument) {
  const int self = (int)(intptr_t)argument;
  for (int page = 0; page < kPages; ++page) {
    area[(page * kThreads + self) * 512L] = (unsigned char)(self + 1);
  }
  return NULL;
}

static void faults(void) {
  area = mmap(NULL, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pthread_t threads[kThreads];
  for (intptr_t i = 0; i < kThreads; ++i) pthread_create(&threads[i], NULL, touch, (void*)i);
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  long wrong = 0;
  for (long i = 0; i < kPages * kThreads; ++i) wrong += area[i * 512] != i % kThreads + 1;
  printf("wrong after faults at once: %ld\n", wrong);
}

// Mappings change under the others' feet.
static atomic_int stop;
static void* map_and_unmap(void* argument) {
  (void)argument;
  long rounds = 0;
  while (!atomic_load(&stop) || rounds < 20) {
    char* page = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 16; ++i) page[i * 4096] = (char)i;
    mprotect(page + 4096, 8 * 4096, PROT_READ);
    for (int i = 0; i < 16; ++i) {
      if (page[i * 4096] != (char)i) return (void*)1;
    }
    munmap(page, 16 * 4096);
    ++rounds;
  }
  return NULL;
}

static void changes(void) {
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) pthread_create(&threads[i], NULL, map_and_unmap, NULL);
  for (int i = 0; i < 50; ++i) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
  }
  atomic_store(&stop, 1);
  int wrong = 0;
  for (int i = 0; i < 3; ++i) {
    void* result;
    pthread_join(threads[i], &result);
    wrong += result != NULL;
  }
  printf("wrong after forks beside changes: %d\n", wrong);
}

static int turn;
static void* wait_for_turn(void* argument) {
  const int self = (int)(intptr_t)argument;
  pthread_mutex_lock(&lock);
  while (turn != self) pthread_cond_wait(&changed, &lock);
  ++turn;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  return NULL;
}

static void turns(void) {
  pthread_t threads[kThreads];
  for (intptr_t i = kThreads - 1; i >= 0; --i) {
    pthread_create(&threads[i], NULL, wait_for_turn, (void*)i);
  }
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  printf("turns: %d\n", turn);
}

static atomic_int handled_by;
static void note_thread(int number) {
  (void)number;
  atomic_store(&handled_by, (int)syscall(SYS_gettid));
}

static atomic_int sleeper_id;
static void* sleep_until_signal(void* argument) {
  (void)argument;
  atomic_store(&sleeper_id, (int)syscall(SYS_gettid));
  while (atomic_load(&handled_by) == 0) usleep(1000);
  return NULL;
}

static void signals(void) {
  struct sigaction action = {.sa_handler = note_thread};
  sigaction(SIGUSR1, &action, NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, sleep_until_signal, NULL);
  while (atomic_load(&sleeper_id) == 0) usleep(1000);
  pthread_kill(thread, SIGUSR1);
  pthread_join(thread, NULL);
  printf("pthread_kill: the thread itself %d\n", handled_by == sleeper_id);

  // A process-wide signal goes to the one that does not block it.
  atomic_store(&handled_by, 0);
  atomic_store(&sleeper_id, 0);
  pthread_create(&thread, NULL, sleep_until_signal, NULL);
  while (atomic_load(&sleeper_id) == 0) usleep(1000);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  kill(getpid(), SIGUSR1);
  pthread_join(thread, NULL);
  printf("kill: the thread that takes it %d\n", handled_by == sleeper_id);

  kill(getpid(), SIGUSR1);
  int number = 0;
  SHOW("sigwait", sigwait(&set, &number));
  printf("sigwait: %d\n", number == SIGUSR1);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  SHOW("tgkill of nobody", syscall(SYS_tgkill, getpid(), 77777, SIGUSR1));
  SHOW("tgkill of another process", syscall(SYS_tgkill, 77777, getpid(), 0));
}

static void* die_with_lock(void* argument) {
  pthread_mutex_lock(argument);
  return NULL;
}

static void robust(void) {
  pthread_mutex_t* shared =
      mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(shared, &attributes);
  pthread_t thread;
  pthread_create(&thread, NULL, die_with_lock, shared);
  pthread_join(thread, NULL);
  printf("its owner died: %s\n", strerrorname_np(pthread_mutex_lock(shared)));
  pthread_mutex_consistent(shared);
  pthread_mutex_unlock(shared);
  const pid_t child = fork();
  if (child == 0) {
    pthread_mutex_lock(shared);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  printf("its owner's process died: %s\n", strerrorname_np(pthread_mutex_lock(shared)));
}

static void* run_forever(void* argument) {
  for (volatile long* word = argument; word != NULL;) ++*word;
  return NULL;
}
static void* exit_all(void* argument) {
  (void)argument;
  exit(17);
}
static void* execute(void* argument) {
  execl("/proc/self/exe", "threads", "after-exec", NULL);
  return argument;
}
static void* exit_later(void* argument) {
  usleep(20000);
  (void)argument;
  _exit(19);
}

static int start_and_wait(void* (*one)(void*), void* (*other)(void*), int leave) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    static long word;
    pthread_t thread;
    if (one != NULL) pthread_create(&thread, NULL, one, &word);
    if (one != NULL) pthread_create(&thread, NULL, one, &word);
    if (other != NULL) pthread_create(&thread, NULL, other, &word);
    if (leave) pthread_exit(NULL);
    for (;;) pause();
  }
  if (other == NULL) {
    usleep(30000);
    kill(child, SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void ends(void) {
  printf("exit in a thread: %d\n", start_and_wait(run_forever, exit_all, 0));
  printf("exec in a thread: %d\n", start_and_wait(run_forever, execute, 0));
  printf("the first thread leaves: %d\n", start_and_wait(NULL, exit_later, 1));
  printf("killed: %d\n", start_and_wait(run_forever, NULL, 0));
}

static void* wait_for_ever(void* argument) {
  for (;;) sleep(1000);
  return argument;
}

static void cancels(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, wait_for_ever, NULL);
  usleep(5000);
  pthread_cancel(thread);
  void* result;
  pthread_join(thread, &result);
  printf("cancelled: %d\n", result == PTHREAD_CANCELED);
}

int main(int arguments, char** argument) {
  if (arguments > 1 && strcmp(argument[1], "after-exec") == 0) {
    printf("alone again: leader %d\n", syscall(SYS_gettid) == getpid());
    return 18;
  }
  setvbuf(stdout, NULL, _IONBF, 0);
  counts();
  faults();
  changes();
  turns();
  signals();
  robust();
  cancels();
  ends();
  return 0;
}
