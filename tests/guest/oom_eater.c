// Asks for more than there is, in several ways; says who went.
//   oom_eater child|adjusted|limit|threads|shared
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kMegabyte = 1 << 20 };

static void eat(int flags) {
  for (;;) {
    char* piece =
        mmap(NULL, kMegabyte, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (piece == MAP_FAILED) _exit(3);
    memset(piece, 1, kMegabyte);
  }
}

static void* eat_in_thread(void* unused) {
  eat(MAP_PRIVATE);
  return unused;
}

static void adjust(int value) {
  int fd = open("/proc/self/oom_score_adj", O_WRONLY);
  if (fd < 0 || dprintf(fd, "%d", value) < 0) perror("oom_score_adj");
  close(fd);
}

static void tell(const char* who, int status) {
  if (WIFSIGNALED(status)) {
    printf("%s: signal %d\n", who, WTERMSIG(status));
  } else {
    printf("%s: status %d\n", who, WEXITSTATUS(status));
  }
}

static void wait_and_tell(const char* who, pid_t pid) {
  int status;
  if (waitpid(pid, &status, 0) == pid) tell(who, status);
}

static pid_t start_eater(int flags) {
  pid_t child = fork();
  if (child == 0) eat(flags);
  return child;
}

/// A small process that would rather go than others, and a large one.
static void adjusted(void) {
  int ready[2];
  if (pipe(ready) != 0) exit(1);
  pid_t willing = fork();
  if (willing == 0) {
    adjust(1000);
    (void)!write(ready[1], "", 1);
    for (;;) pause();
  }
  char byte;
  (void)!read(ready[0], &byte, 1);
  pid_t eater = start_eater(MAP_PRIVATE);
  int status;
  pid_t first = wait(&status);
  tell(first == willing ? "the willing one, first" : "the eater, first", status);
  wait_and_tell("the other", first == willing ? eater : willing);
}

static void limit(void) {
  struct rlimit most = {64 * kMegabyte, 64 * kMegabyte};
  setrlimit(RLIMIT_AS, &most);
  int count = 0;
  for (;; ++count) {
    errno = 0;
    char* piece = mmap(NULL, kMegabyte, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (piece == MAP_FAILED) break;
    piece[0] = 1;
  }
  printf("%s after %s\n", strerror(errno), count > 30 && count < 64 ? "most of it" : "too little");
}

static void threads(void) {
  pid_t child = fork();
  if (child == 0) {
    pthread_t thread;
    for (int i = 0; i < 3; ++i) pthread_create(&thread, NULL, eat_in_thread, NULL);
    eat(MAP_PRIVATE);
  }
  wait_and_tell("four threads", child);
}

int main(int argc, char** argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  const char* what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "child") == 0) wait_and_tell("the child", start_eater(MAP_PRIVATE));
  if (strcmp(what, "shared") == 0) wait_and_tell("the child", start_eater(MAP_SHARED));
  if (strcmp(what, "adjusted") == 0) adjusted();
  if (strcmp(what, "limit") == 0) limit();
  if (strcmp(what, "threads") == 0) threads();
  printf("the parent lives\n");
  return 0;
}
