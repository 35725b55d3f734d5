// Mapped files, and what read and write see of them.
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static sigjmp_buf escape;
static void leave(int signal, siginfo_t *info, void *context) {
  (void)context;
  printf("signal %d, code %d\n", signal, info->si_code);
  siglongjmp(escape, 1);
}

#define TRY(name, expression)                                  \
  do {                                                         \
    if (sigsetjmp(escape, 1) == 0)                             \
      printf("%s: %d\n", name, (int)(expression));             \
    else                                                       \
      printf("%s: killed\n", name);                            \
  } while (0)

static char name[] = "/tmp/gonzo-files-XXXXXX";

static int new_file(const char *text, size_t size) {
  strcpy(name, "/tmp/gonzo-files-XXXXXX");
  int fd = mkstemp(name);
  if (fd < 0 || write(fd, text, strlen(text)) < 0 || ftruncate(fd, (off_t)size) != 0) die("file");
  return fd;
}

static void private_and_shared(void) {
  int fd = new_file("hello, file", 5000);
  char buffer[16] = {0};
  char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char *private = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  printf("shared: %.11s, private: %.11s\n", shared, private);
  private[0] = 'J';
  pread(fd, buffer, 11, 0);
  printf("after a private store: %s, shared %.11s\n", buffer, shared);
  shared[7] = 'F';
  pread(fd, buffer, 11, 0);
  printf("after a shared store: %s, private %.11s\n", buffer, private);
  shared[8] = 'I';
  pread(fd, buffer, 11, 0);
  printf("after another: %s\n", buffer);
  pwrite(fd, "HELLO", 5, 0);
  printf("after write: shared %.11s, private %.11s\n", shared, private);
  SHOW("msync", msync(shared, 8192, MS_SYNC));
  TRY("tail is zero", shared[5000] | shared[8191]);
  TRY("second page", shared[4096]);
  lseek(fd, 0, SEEK_END);
  SHOW("append", write(fd, "tail", 4));
  printf("appended: %.4s\n", shared + 5000);
  SHOW("grow", ftruncate(fd, 9000));
  SHOW("shrink", ftruncate(fd, 100));
  TRY("past the new end", shared[4096]);
  TRY("within", shared[0]);
  SHOW("munmap", munmap(shared, 8192));
  struct stat status;
  fstat(fd, &status);
  printf("size %ld\n", (long)status.st_size);
  unlink(name);
  close(fd);
}

static void write_back(void) {
  int fd = new_file("x", 3 * 4096);
  char *shared = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  memset(shared, 'a', 3 * 4096);
  munmap(shared, 3 * 4096);
  int again = open(name, O_RDONLY);
  char page[4096];
  long total = 0;
  for (int i = 0; i < 3; ++i) {
    if (read(again, page, sizeof page) != sizeof page) die("read");
    for (int j = 0; j < 4096; ++j) total += page[j] == 'a';
  }
  printf("written back: %ld\n", total);
  unlink(name);
  close(fd);
  close(again);
}

static void appends_and_syncs(void) {
  int fd = new_file("0123456789", 10);
  int appending = open(name, O_RDWR | O_APPEND);
  char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, appending, 0);
  printf("before: %.12s\n", shared);
  SHOW("append at an offset", pwrite(appending, "ab", 2, 3));
  printf("after: %.12s\n", shared);
  SHOW("append", write(appending, "cd", 2));
  printf("after: %.14s\n", shared);
  shared[0] = 'X';
  SHOW("fsync", fsync(appending));
  shared[1] = 'Y';
  shared[2] = 'Z';
  SHOW("fdatasync", fdatasync(fd));
  char text[32] = {0};
  pread(fd, text, 14, 0);
  printf("synced: %s\n", text);
  unlink(name);
  close(fd);
  close(appending);
}

static void refusals(void) {
  int fd = new_file("x", 4096);
  int reading = open(name, O_RDONLY), writing = open(name, O_WRONLY), directory = open("/", O_RDONLY);
  int path = open(name, O_PATH), null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR);
  SHOW_ADDRESS("shared write of a read-only file",
               mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, reading, 0));
  SHOW_ADDRESS("private write of a read-only file",
               mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, reading, 0));
  SHOW_ADDRESS("a write-only file", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, writing, 0));
  SHOW_ADDRESS("write-only, to write", mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, writing, 0));
  SHOW_ADDRESS("a directory", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, directory, 0));
  SHOW_ADDRESS("O_PATH", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, path, 0));
  SHOW_ADDRESS("/dev/null", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, null, 0));
  SHOW_ADDRESS("closed", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 1000, 0));
  SHOW_ADDRESS("no length", mmap(NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0));
  SHOW_ADDRESS("odd offset", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 100));
  SHOW_ADDRESS("no type", mmap(NULL, 4096, PROT_READ, 0, fd, 0));
  SHOW_ADDRESS("offset overflow", mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, -4096));
  char *zeros = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
  TRY("/dev/zero", zeros[5000]);
  char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
  shared[5000] = 3;
  TRY("/dev/zero, shared", shared[5000]);
  char *read_only = mmap(NULL, 4096, PROT_READ, MAP_SHARED, reading, 0);
  SHOW("mprotect of it", mprotect(read_only, 4096, PROT_READ | PROT_WRITE));
  unlink(name);
}

static void descriptor_goes(void) {
  int fd = new_file("still here", 4096);
  char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  unlink(name);
  printf("after close and unlink: %s\n", map);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  struct sigaction action = {.sa_sigaction = leave, .sa_flags = SA_SIGINFO};
  sigaction(SIGBUS, &action, NULL);
  sigaction(SIGSEGV, &action, NULL);
  private_and_shared();
  write_back();
  appends_and_syncs();
  refusals();
  descriptor_goes();
  return 0;
}
