// Futexes with priority inheritance: what each call answers and leaves in the word, and pthread's mutexes on top.
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

static long futex(_Atomic uint32_t *word, int operation, uint32_t value, const void *timeout,
                  _Atomic uint32_t *other, uint32_t third) {
#ifdef SYS_futex_time64
  return syscall(SYS_futex_time64, word, operation, value, timeout, other, third);
#else
  return syscall(SYS_futex, word, operation, value, timeout, other, third);
#endif
}
static long lock(_Atomic uint32_t *word) { return futex(word, FUTEX_LOCK_PI, 0, NULL, NULL, 0); }
static long try_lock(_Atomic uint32_t *word) { return futex(word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0); }
static long unlock(_Atomic uint32_t *word) { return futex(word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0); }
static uint32_t self(void) { return (uint32_t)syscall(SYS_gettid); }

// The word without the number of whose it is.
static void show_word(const char *name, uint32_t word, uint32_t owner) {
  printf("%s:%s%s %s\n", name, word & FUTEX_WAITERS ? " waiters" : "", word & FUTEX_OWNER_DIED ? " died" : "",
         (word & FUTEX_TID_MASK) == 0       ? "free"
         : (word & FUTEX_TID_MASK) == owner ? "the expected owner"
                                            : "another owner");
}

static void yield_until(_Atomic uint32_t *word, uint32_t bits) {
  while ((atomic_load(word) & bits) != bits) sched_yield();
}

// --- One thread ---

static void alone(void) {
  static _Atomic uint32_t word;
  SHOW("lock", lock(&word));
  show_word("locked", word, self());
  SHOW("again", lock(&word));
  SHOW("try", try_lock(&word));
  SHOW("unlock", unlock(&word));
  show_word("unlocked", word, self());
  SHOW("unlock again", unlock(&word));
  SHOW("try", try_lock(&word));
  show_word("locked", word, self());
  word |= FUTEX_WAITERS;
  SHOW("unlock, waiters claimed", unlock(&word));
  show_word("unlocked", word, self());

  word = FUTEX_OWNER_DIED;
  SHOW("lock, owner died", lock(&word));
  show_word("locked", word, self());
  SHOW("unlock", unlock(&word));
  show_word("unlocked", word, self());
  word = FUTEX_OWNER_DIED | FUTEX_WAITERS;
  SHOW("lock, owner died, waiters", lock(&word));
  show_word("locked", word, self());
  word = FUTEX_WAITERS;
  SHOW("lock, only waiters", lock(&word));
  show_word("locked", word, self());

  word = 0x3ffffff;  // nobody's number
  SHOW("lock a stranger's", lock(&word));
  SHOW("try a stranger's", try_lock(&word));
  printf("the word: %x\n", word);
  SHOW("unlock a stranger's", unlock(&word));
  word = 0x3ffffff | FUTEX_OWNER_DIED;
  SHOW("lock a dead stranger's", lock(&word));
  printf("the word: %x\n", word);

  char bytes[8] __attribute__((aligned(8))) = {0};
  SHOW("unaligned", lock((void *)(bytes + 1)));
  SHOW("unlock unaligned", unlock((void *)(bytes + 1)));
  SHOW("nowhere", lock(NULL));
  SHOW("unlock nowhere", unlock(NULL));
  void *constant = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  SHOW("read only", lock(constant));
  SHOW("try read only", try_lock(constant));
  SHOW("private, read only", futex(constant, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));

  word = 0;
  const struct timespec wrong = {0, 1000000000}, past = {1, 0};
  SHOW("wrong time", futex(&word, FUTEX_LOCK_PI, 0, &wrong, NULL, 0));
  SHOW("free, though too late", futex(&word, FUTEX_LOCK_PI, 0, &past, NULL, 0));
  unlock(&word);
  SHOW("lock2", futex(&word, FUTEX_LOCK_PI2, 0, NULL, NULL, 0));
  unlock(&word);
  SHOW("lock2, real time", futex(&word, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0));
  unlock(&word);
  SHOW("lock, real time", futex(&word, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0));
  SHOW("unlock, real time", futex(&word, FUTEX_UNLOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0));
}

// --- Two threads ---

static _Atomic uint32_t shared_word;
static _Atomic uint32_t holder, stage;

// Holds the lock until stage 2.
static void *hold(void *unlock_it) {
  lock(&shared_word);
  holder = self();
  stage = 1;
  yield_until(&stage, 2);
  if (unlock_it != NULL) unlock(&shared_word);
  return NULL;
}

static pthread_t start_holder(void *unlock_it) {
  pthread_t thread;
  shared_word = stage = 0;
  pthread_create(&thread, NULL, hold, unlock_it);
  yield_until(&stage, 1);
  return thread;
}

static void *release_when_waited_for(void *nothing) {
  (void)nothing;
  yield_until(&shared_word, FUTEX_WAITERS);
  stage = 3;
  return NULL;
}

static void contended(void) {
  pthread_t thread = start_holder("unlock"), helper;
  SHOW("try a held one", try_lock(&shared_word));
  show_word("held", shared_word, holder);
  SHOW("unlock another's", unlock(&shared_word));
  const struct timespec past = {1, 0};
  SHOW("too late", futex(&shared_word, FUTEX_LOCK_PI, 0, &past, NULL, 0));
  SHOW("too late, by the other clock", futex(&shared_word, FUTEX_LOCK_PI2, 0, &past, NULL, 0));
  show_word("after them", shared_word, holder);
  SHOW("wake a held one", futex(&shared_word, FUTEX_WAKE, 1, NULL, NULL, 0));
  shared_word &= ~FUTEX_WAITERS;
  pthread_create(&helper, NULL, release_when_waited_for, NULL);
  SHOW("lock a held one", lock(&shared_word));
  show_word("handed over", shared_word, self());
  pthread_join(thread, NULL), pthread_join(helper, NULL);
  SHOW("unlock", unlock(&shared_word));
  show_word("unlocked", shared_word, self());

  // Its holder ends, and had no robust list.
  thread = start_holder(NULL);
  pthread_create(&helper, NULL, release_when_waited_for, NULL);
  SHOW("lock one whose holder ends", lock(&shared_word));
  show_word("locked", shared_word, self());
  pthread_join(thread, NULL), pthread_join(helper, NULL);
  SHOW("unlock", unlock(&shared_word));
  show_word("unlocked", shared_word, self());
  thread = start_holder(NULL);
  stage = 3;
  pthread_join(thread, NULL);
  SHOW("lock one whose holder has ended", lock(&shared_word));
}

// --- A circle, and a signal ---

static _Atomic uint32_t first, second;
static void *other_way(void *nothing) {
  (void)nothing;
  lock(&second);
  stage = 1;
  const long locked = lock(&first);  // until the main thread gives it up
  unlock(&first);
  unlock(&second);
  return (void *)locked;
}

static void circle(void) {
  pthread_t thread;
  stage = first = second = 0;
  lock(&first);
  pthread_create(&thread, NULL, other_way, NULL);
  yield_until(&stage, 1);
  yield_until(&first, FUTEX_WAITERS);
  SHOW("around a circle", lock(&second));
  show_word("the second", second & ~(FUTEX_WAITERS | FUTEX_TID_MASK), self());
  SHOW("unlock", unlock(&first));
  void *result;
  pthread_join(thread, &result);
  printf("the other: %ld\n", (long)result);
}

static atomic_int signals;
static void on_signal(int number) {
  (void)number;
  ++signals;
  stage = 3;  // the holder may go on
}
static void *disturb(void *thread) {
  yield_until(&shared_word, FUTEX_WAITERS);
  while (signals == 0) {
    pthread_kill(*(pthread_t *)thread, SIGUSR1);
    sched_yield();
  }
  return NULL;
}
static void interrupted(void) {
  const struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGUSR1, &action, NULL);
  pthread_t thread = start_holder("unlock"), helper, me = pthread_self();
  pthread_create(&helper, NULL, disturb, &me);
  SHOW("a signal does not end it", lock(&shared_word));
  printf("handled: %d\n", signals > 0);
  pthread_join(thread, NULL), pthread_join(helper, NULL);
  unlock(&shared_word);
}

// --- Requeueing: a condition and its lock ---

static _Atomic uint32_t condition, mutex, arrived;
static _Atomic long results[3];
static void *wait_for_condition(void *number) {
  arrived += 1;
  const long result = futex(&condition, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &mutex, 0);
  results[(long)number] = result == 0 ? (long)((mutex & FUTEX_TID_MASK) == self()) : -errno;
  if (result == 0) unlock(&mutex);
  return NULL;
}
static long requeue(int wake, int move, uint32_t expected) {
  return futex(&condition, FUTEX_CMP_REQUEUE_PI, (uint32_t)wake, (const void *)(long)move, &mutex, expected);
}

static void requeueing(void) {
  SHOW("wait, another value", futex(&condition, FUTEX_WAIT_REQUEUE_PI, 5, NULL, &mutex, 0));
  SHOW("wait, one word", futex(&condition, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &condition, 0));
  const struct timespec past = {1, 0};
  SHOW("wait, too late", futex(&condition, FUTEX_WAIT_REQUEUE_PI, 0, &past, &mutex, 0));
  SHOW("wake two", requeue(2, 1, 0));
  SHOW("wake none", requeue(0, 1, 0));
  SHOW("move fewer than none", requeue(1, -1, 0));
  SHOW("another value", requeue(1, 1, 7));
  SHOW("nobody there", requeue(1, 1, 0));
  SHOW("onto itself", futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &condition, 0));

  for (int held = 0; held < 2; ++held) {
    pthread_t threads[3];
    condition = mutex = arrived = 0;
    if (held) lock(&mutex);
    for (long i = 0; i < 3; ++i) pthread_create(&threads[i], NULL, wait_for_condition, (void *)i);
    long moved = 0;
    while (moved < 3) {
      const long more = requeue(1, 2, 0);
      if (more < 0) die("requeue");
      moved += more;
      if (more == 0) sched_yield();
    }
    if (held) {
      show_word("with waiters", mutex, self());
      SHOW("unlock", unlock(&mutex));
    }
    for (int i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
    printf("moved %ld, each had the lock: %ld %ld %ld\n", moved, results[0], results[1], results[2]);
    show_word("afterwards", mutex, 0);
  }

  pthread_t thread;
  condition = mutex = arrived = 0;
  pthread_create(&thread, NULL, wait_for_condition, (void *)0);
  long woken;
  while ((woken = futex(&condition, FUTEX_WAKE, 1, NULL, NULL, 0)) == 0) sched_yield();
  printf("a plain wake: %ld %s\n", woken, strerrorname_np(errno));
  SHOW("plain requeue", futex(&condition, FUTEX_CMP_REQUEUE, 0, (void *)1, &mutex, 0));
  static _Atomic uint32_t elsewhere;
  SHOW("to another lock", futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &elsewhere, 0));
  SHOW("to the right one", requeue(1, 1, 0));
  pthread_join(thread, NULL);
  printf("it had the lock: %ld\n", results[0]);
}

// --- pthread ---

struct Shared {
  pthread_mutex_t mutex;
  pthread_cond_t condition;
  long count;
  int turn;
};

static void make(struct Shared *shared, int robust, int process_shared) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  SHOW("protocol", pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT));
  if (robust) pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  if (process_shared) pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  SHOW("init", pthread_mutex_init(&shared->mutex, &attributes));
  pthread_condattr_t condition;
  pthread_condattr_init(&condition);
  if (process_shared) pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
  pthread_cond_init(&shared->condition, &condition);
  shared->count = shared->turn = 0;
}

static void *count(void *argument) {
  struct Shared *shared = argument;
  for (int i = 0; i < 3000; ++i) {
    pthread_mutex_lock(&shared->mutex);
    const long now = shared->count;
    if (i % 100 == 0) sched_yield();
    shared->count = now + 1;
    pthread_mutex_unlock(&shared->mutex);
  }
  return NULL;
}

static void take_turns(struct Shared *shared, int mine) {
  for (int i = 0; i < 100; ++i) {
    pthread_mutex_lock(&shared->mutex);
    while (shared->turn != mine) pthread_cond_wait(&shared->condition, &shared->mutex);
    shared->turn = !mine;
    pthread_cond_broadcast(&shared->condition);
    pthread_mutex_unlock(&shared->mutex);
  }
}
static void *take_other_turns(void *shared) { return take_turns(shared, 1), NULL; }

static void *keep(void *argument) {
  pthread_mutex_lock(&((struct Shared *)argument)->mutex);
  return NULL;
}

static void mutexes(int robust, int process_shared) {
  struct Shared *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  make(shared, robust, process_shared);
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, count, shared);
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  printf("counted: %ld\n", shared->count);
  pthread_create(&threads[0], NULL, take_other_turns, shared);
  take_turns(shared, 0);
  pthread_join(threads[0], NULL);
  printf("turn: %d\n", shared->turn);

  if (process_shared) {
    const pid_t child = fork();
    if (child == 0) count(shared), take_turns(shared, 1), _exit(0);
    count(shared);
    take_turns(shared, 0);
    waitpid(child, NULL, 0);
    printf("counted by two processes: %ld\n", shared->count);
  }
  if (robust) {
    pthread_create(&threads[0], NULL, keep, shared);
    pthread_join(threads[0], NULL);
    printf("its owner died: %s\n", strerrorname_np(pthread_mutex_lock(&shared->mutex)));
    SHOW("consistent", pthread_mutex_consistent(&shared->mutex));
    SHOW("unlock", pthread_mutex_unlock(&shared->mutex));
    SHOW("lock", pthread_mutex_lock(&shared->mutex));
    pthread_mutex_unlock(&shared->mutex);
  }
  if (robust && process_shared) {
    const pid_t child = fork();
    if (child == 0) keep(shared), raise(SIGKILL);
    waitpid(child, NULL, 0);
    printf("its process was killed: %s\n", strerrorname_np(pthread_mutex_lock(&shared->mutex)));
    SHOW("unlock as it is", pthread_mutex_unlock(&shared->mutex));
    printf("then: %s\n", strerrorname_np(pthread_mutex_lock(&shared->mutex)));
  }
  munmap(shared, 4096);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  alone();
  contended();
  circle();
  interrupted();
  requeueing();
  for (int kind = 0; kind < 4; ++kind) mutexes(kind & 1, kind >> 1);
  return 0;
}
