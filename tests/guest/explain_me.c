// Memory of each kind, and where it is; shares some with a child. Stays until its input ends; then it
// dies at the address that its argument names, if there is one.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define PAGE 4096
#define GUARD_INSTALL 102
#define PAGEOUT 21

static const char *doomed;
static volatile char *victim;

static volatile char *tell(const char *name, volatile void *at) {
  printf("%s 0x%lx\n", name, (unsigned long)at);
  if (doomed && !strcmp(doomed, name)) victim = at;
  return at;
}

static void *map(int protection, int flags, int fd) {
  void *at = mmap(NULL, 2 * PAGE, protection, flags, fd, 0);
  if (at == MAP_FAILED) die("mmap");
  return at;
}

static int short_file(void) {
  char name[] = "/tmp/gonzo-explain-XXXXXX";
  int fd = mkstemp(name);
  unlink(name);
  if (fd < 0 || ftruncate(fd, 100) != 0) die("file");
  return fd;
}

int main(int count, char **arguments) {
  const int anonymous = MAP_PRIVATE | MAP_ANONYMOUS, both = PROT_READ | PROT_WRITE;
  int ready[2], end[2];
  volatile char *touched, *file, *shared, *cow, *swapped;
  char byte = 0;
  doomed = count > 1 ? arguments[1] : NULL;
  if (pipe(ready) || pipe(end)) die("pipe");
  tell("never", map(both, anonymous, -1));
  touched = tell("touched", map(both, anonymous, -1));
  byte += tell("zero", map(both, anonymous, -1))[0];
  tell("none", map(PROT_NONE, anonymous, -1));
  tell("hole", (char *)0x10000);
  file = tell("file", map(PROT_READ, MAP_PRIVATE, open("/proc/self/exe", O_RDONLY)));
  byte += file[0];
  tell("beyond", (char *)map(both, MAP_SHARED, short_file()) + PAGE);
  cow = tell("cow", map(both, anonymous, -1));
  cow[0] = 1;
  shared = tell("shared", map(both, MAP_SHARED | MAP_ANONYMOUS, -1));
  shared[0] = 1;
  swapped = tell("swapped", map(both, anonymous, -1));
  swapped[0] = 1;
  madvise((void *)swapped, PAGE, PAGEOUT);
  madvise((void *)tell("guard", map(both, anonymous, -1)), PAGE, GUARD_INSTALL);
  if (fork() == 0) {
    close(end[1]);
    byte = shared[0];
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    _exit(read(end[0], &byte, 1) != 0);
  }
  if (read(ready[0], &byte, 1) != 1) die("child");
  touched[0] = 1;  // its own, as the child never had it
  printf("ready\n");
  fflush(stdout);
  while (read(0, &byte, 1) > 0) {
  }
  if (victim) *victim = 1;
  close(end[1]);
  wait(NULL);
  return 0;
}
