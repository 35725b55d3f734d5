// madvise, guards, mseal, remap_file_pages, and a process's memory by its id.
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

enum { kPage = 4096, kGuardInstall = 102, kGuardRemove = 103, kSysMseal = 462 };
static char *const kBase = (char *)0x200000000000;
static sigjmp_buf back;
static siginfo_t caught;

static void on_fault(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  caught = *info;
  siglongjmp(back, 1);
}

static void look(const char *name, volatile char *at) {
  if (sigsetjmp(back, 1) == 0)
    printf("%s: %d\n", name, *at);
  else
    printf("%s: signal %d code %d\n", name, caught.si_signo, caught.si_code);
}

static char *map(int page, int pages, int protection, int flags) {
  return mmap(kBase + page * kPage, pages * kPage, protection, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void resident(int pages) {
  unsigned char in[64];
  for (int i = 0; i < pages; ++i)
    putchar(mincore(kBase + i * kPage, kPage, in) != 0 ? '-' : '0' + (in[0] & 1));
  putchar('\n');
}

static void every_advice(int fd) {
  const int kAdvice[] = {0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 27, 100, 101, 102, 103, 104};
  char *areas[] = {map(0, 4, PROT_READ | PROT_WRITE, MAP_PRIVATE), map(8, 4, PROT_READ | PROT_WRITE, MAP_SHARED),
                   mmap(kBase + 16 * kPage, 4 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0),
                   mmap(kBase + 24 * kPage, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0),
                   map(32, 4, PROT_READ, MAP_PRIVATE), kBase + 40 * kPage, kBase + 1};
  for (unsigned i = 0; i < sizeof kAdvice / sizeof *kAdvice; ++i) {
    printf("advice %d:", kAdvice[i]);
    for (unsigned a = 0; a < sizeof areas / sizeof *areas; ++a)
      printf(" %s", madvise(areas[a], 2 * kPage, kAdvice[i]) == 0 ? "0" : strerrorname_np(errno));
    printf(" %s\n", madvise(kBase, 0, kAdvice[i]) == 0 ? "0" : strerrorname_np(errno));
    madvise(kBase, 40 * kPage, kGuardRemove);
  }
  munmap(kBase, 64 * kPage);
}

static void guards(void) {
  map(0, 8, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  memset(kBase, 5, 8 * kPage);
  SHOW("install", madvise(kBase + 2 * kPage, 2 * kPage, kGuardInstall));
  resident(8);
  look("guarded", kBase + 2 * kPage);
  look("beside", kBase + 4 * kPage);
  SHOW("DONTNEED", madvise(kBase + kPage, 2 * kPage, MADV_DONTNEED));
  look("still guarded", kBase + 2 * kPage);
  SHOW("populate", madvise(kBase + kPage, 2 * kPage, 22));
  int ends[2];
  if (pipe(ends) != 0) die("pipe");
  SHOW("write from it", write(ends[1], kBase + 2 * kPage, 1));
  SHOW("PROT_NONE", mprotect(kBase + 2 * kPage, kPage, PROT_NONE));
  look("both", kBase + 2 * kPage);
  SHOW_ADDRESS("move", mremap(kBase + 3 * kPage, kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, kBase + 20 * kPage));
  look("moved", kBase + 20 * kPage);
  SHOW("remove", madvise(kBase + 20 * kPage, kPage, kGuardRemove));
  look("removed", kBase + 20 * kPage);
  munmap(kBase, 64 * kPage);
}

static void lazily(void) {
  map(0, 2, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  kBase[0] = 9;
  SHOW("FREE", madvise(kBase, kPage, MADV_FREE));
  kBase[0] = 8;
  look("written after FREE", kBase);
  munmap(kBase, 2 * kPage);

  // Dropped at once by MADV_PAGEOUT, with or without swap. The kernel may still have a page on another
  // processor's list, where this does not reach it: then once more.
  map(0, 48, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  madvise(kBase, 48 * kPage, MADV_NOHUGEPAGE);
  for (int tries = 0; tries < 100; ++tries) {
    for (int i = 0; i < 48; ++i) kBase[i * kPage] = (char)(10 + i);
    madvise(kBase, 32 * kPage, MADV_FREE);
    kBase[20 * kPage] = 1;
    madvise(kBase, 48 * kPage, MADV_PAGEOUT);
    if (kBase[0] == 0 && kBase[15 * kPage] == 0) break;
  }
  look("freed", kBase);
  look("freed and written to", kBase + 20 * kPage);
  look("not freed", kBase + 40 * kPage);
  munmap(kBase, 48 * kPage);
}

static void holes(int fd) {
  mmap(kBase, 4 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
  kBase[kPage] = 77;
  SHOW("REMOVE of a file", madvise(kBase + kPage, kPage, MADV_REMOVE));
  look("hole", kBase + kPage);
  look("before it", kBase);
  char byte = 1;
  SHOW("pread", pread(fd, &byte, 1, kPage));
  printf("the file has %d\n", byte);
  munmap(kBase, 4 * kPage);
  map(8, 4, PROT_READ | PROT_WRITE, MAP_SHARED);
  memset(kBase + 8 * kPage, 3, 4 * kPage);
  SHOW("REMOVE of shared memory", madvise(kBase + 9 * kPage, 2 * kPage, MADV_REMOVE));
  resident(12);
  look("hole", kBase + 9 * kPage);
  look("after it", kBase + 11 * kPage);
  munmap(kBase, 16 * kPage);
}

static void seals(int fd) {
  map(0, 8, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  kBase[3 * kPage] = 4;
  SHOW("flags", syscall(kSysMseal, kBase, kPage, 1));
  SHOW("hole", syscall(kSysMseal, kBase + 7 * kPage, 2 * kPage, 0));
  SHOW("seal", syscall(kSysMseal, kBase + 3 * kPage, kPage, 0));
  SHOW("munmap", munmap(kBase, 8 * kPage));
  SHOW("mprotect", mprotect(kBase + 3 * kPage, kPage, PROT_READ));
  SHOW_ADDRESS("mremap", mremap(kBase + 3 * kPage, kPage, 2 * kPage, MREMAP_MAYMOVE));
  SHOW_ADDRESS("mmap over it", mmap(kBase + 3 * kPage, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  SHOW("DONTNEED where it can be written", madvise(kBase + 3 * kPage, kPage, MADV_DONTNEED));
  map(16, 1, PROT_READ, MAP_PRIVATE);
  SHOW("seal", syscall(kSysMseal, kBase + 16 * kPage, kPage, 0));
  SHOW("DONTNEED", madvise(kBase + 16 * kPage, kPage, MADV_DONTNEED));
  SHOW("DONTFORK", madvise(kBase + 16 * kPage, kPage, MADV_DONTFORK));
  SHOW("COLD", madvise(kBase + 16 * kPage, kPage, 20));
  mmap(kBase + 18 * kPage, kPage, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);
  SHOW("seal", syscall(kSysMseal, kBase + 18 * kPage, kPage, 0));
  SHOW("DONTNEED of a file", madvise(kBase + 18 * kPage, kPage, MADV_DONTNEED));
}

static void file_pages(int fd) {
  char *at = kBase + 32 * kPage;
  mmap(at, 4 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
  SHOW("third page first", syscall(SYS_remap_file_pages, at, kPage, 0, 2, 0));
  look("page 2", at);
  SHOW("protection", syscall(SYS_remap_file_pages, at, kPage, 1, 2, 0));
  SHOW("past the mapping", syscall(SYS_remap_file_pages, at, 8 * kPage, 0, 0, 0));
  SHOW("wraps", syscall(SYS_remap_file_pages, at, kPage, 0, -1L, 0));
  SHOW("too far", syscall(SYS_remap_file_pages, at, kPage, 0, 1L << 52, 0));
}

static void by_id(void) {
  char text[32] = "", *far = map(48, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  strcpy(far, "a process's memory");
  struct iovec here[2] = {{text, 4}, {text + 4, 28}}, there[2] = {{far, 10}, {far + 10, 9}};
  SHOW("process_vm_readv", process_vm_readv(getpid(), here, 2, there, 2, 0));
  printf("%s\n", text);
  SHOW("flags", process_vm_readv(getpid(), here, 2, there, 2, 1));
  SHOW("nobody", process_vm_readv(0x3fffffff, here, 2, there, 2, 0));
  SHOW("nothing of nobody", process_vm_readv(0x3fffffff, here, 2, there, 0, 0));
  struct iovec hole[3] = {{far, 8}, {far + kPage, 8}, {far, 8}};
  SHOW("into a hole", process_vm_writev(getpid(), here + 1, 1, hole, 3, 0));
  SHOW("only a hole", process_vm_writev(getpid(), here + 1, 1, hole + 1, 1, 0));
  struct iovec wrong = {far, (size_t)-1};
  SHOW("too long", process_vm_readv(getpid(), here, 2, &wrong, 1, 0));

  int self = syscall(SYS_pidfd_open, getpid(), 0);
  struct iovec ranges[2] = {{far, kPage}, {far + 4 * kPage, kPage}};
  SHOW("process_madvise", syscall(SYS_process_madvise, self, ranges, 2, MADV_DONTNEED, 0));
  printf("forgotten: %d\n", far[0]);
  SHOW("the hole alone", syscall(SYS_process_madvise, self, ranges + 1, 1, MADV_COLD, 0));
  SHOW("advice", syscall(SYS_process_madvise, self, ranges, 1, 999, 0));
  SHOW("flags", syscall(SYS_process_madvise, self, ranges, 1, MADV_COLD, 1));
  SHOW("no such descriptor", syscall(SYS_process_madvise, 999, ranges, 1, MADV_COLD, 0));
  SHOW("pidfd_open of nobody", syscall(SYS_pidfd_open, 0x3fffffff, 0));
  SHOW("pidfd_open flags", syscall(SYS_pidfd_open, getpid(), 5));
}

int main(void) {
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  FILE *file = tmpfile();
  int fd = fileno(file);
  for (int page = 0; page < 4; ++page) {
    char bytes[kPage];
    memset(bytes, 10 + page, sizeof bytes);
    if (write(fd, bytes, sizeof bytes) != sizeof bytes) die("write");
  }
  every_advice(fd);
  guards();
  lazily();
  file_pages(fd);
  holes(fd);
  by_id();
  seals(fd);
  return 0;
}
