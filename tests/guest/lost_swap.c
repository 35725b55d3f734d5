// A large child, whose pages are mostly in swap, and a small parent with none there. The swap's
// store is taken away before a line of input comes: the child may lose its pages, the parent goes
// on.   lost_swap MEGABYTES
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kPage = 4096 };

static char* fill(size_t pages) {
  char* const base =
      mmap(NULL, pages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) exit(90);
  for (size_t i = 0; i < pages; ++i) *(volatile uint64_t*)(base + i * kPage) = i * 77 + 1;
  return base;
}

static int is_intact(const char* base, size_t pages) {
  for (size_t i = 0; i < pages; ++i) {
    if (*(const volatile uint64_t*)(base + i * kPage) != i * 77 + 1) return 0;
  }
  return 1;
}

int main(int count, char** arguments) {
  const size_t pages = (size_t)(count > 1 ? atoi(arguments[1]) : 8) * 256;
  int ready[2], go[2];
  char byte = 0;
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0 || pipe(ready) != 0 || pipe(go) != 0) return 91;
  const pid_t child = fork();
  if (child == 0) {
    const char* const base = fill(pages);
    if (write(ready[1], "", 1) != 1 || read(go[0], &byte, 1) != 1) _exit(92);
    _exit(is_intact(base, pages) ? 0 : 3);
  }
  if (read(ready[0], &byte, 1) != 1) return 93;
  puts("ready");
  fflush(stdout);
  if (getchar() == EOF || write(go[1], "", 1) != 1) return 94;
  int status = 0;
  if (waitpid(child, &status, 0) != child) return 95;
  if (WIFSIGNALED(status)) {
    printf("child: %s\n", WTERMSIG(status) == SIGBUS ? "SIGBUS" : "another signal");
  } else {
    printf("child: %d\n", WEXITSTATUS(status));
  }
  munlockall();
  const char* const base = fill(pages);
  printf("parent: %s\n", is_intact(base, pages) ? "intact" : "lost");
  return 0;
}
