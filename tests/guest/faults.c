// Dies of what the argument says.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

static volatile int sink;

static int overflow(volatile char *above) {
  volatile char frame[4096];
  frame[0] = above[0];
  return overflow(frame) + frame[0];
}

static char *past_the_end(void) {
  char name[] = "/tmp/gonzo-faults-XXXXXX";
  int fd = mkstemp(name);
  unlink(name);
  if (fd < 0 || ftruncate(fd, 100) != 0) die("file");
  return mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
}

int main(int count, char **arguments) {
  const char *what = count > 1 ? arguments[1] : "";
  char c = 1;
  if (!strcmp(what, "null")) sink = *(volatile int *)0;
  if (!strcmp(what, "write-null")) *(volatile int *)8 = 1;
  if (!strcmp(what, "text")) *(volatile char *)main = 0;
  if (!strcmp(what, "constant")) *(volatile char *)"constant" = 0;
  if (!strcmp(what, "stack")) ((void (*)(void))(void *)memset(__builtin_alloca(64), 0xc3, 64))();
  if (!strcmp(what, "jump-null")) ((void (*)(void))0)();
  if (!strcmp(what, "kernel")) sink = *(volatile int *)(sizeof(void *) == 4 ? 0xc0000000UL : -(1UL << 47));
  if (!strcmp(what, "non-canonical")) sink = *(volatile int *)0x8000000000000000;
  if (!strcmp(what, "last-page")) sink = *(volatile int *)(sizeof(void *) == 4 ? 0xfffff000UL : (1UL << 31 << 16) - 4096);
  if (!strcmp(what, "bus")) sink = past_the_end()[4096];
  if (!strcmp(what, "overflow")) return overflow(&c);
  if (!strcmp(what, "divide")) {
    volatile int zero = 0;
    sink = 100 / zero;
  }
  if (!strcmp(what, "illegal")) __builtin_trap();
  if (!strcmp(what, "breakpoint")) __asm__ volatile("int3");
  if (!strcmp(what, "privileged")) __asm__ volatile("hlt");
  if (!strcmp(what, "abort")) abort();
  if (!strcmp(what, "kill")) kill(getpid(), SIGKILL);
  if (!strcmp(what, "term")) raise(SIGTERM);
  if (!strcmp(what, "none-mapping")) {
    volatile char *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sink = *none;
  }
  return 0;
}
