// RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK; with an argument: "areas", the limit on mappings; "commit",
// how much may be promised.
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "status.h"

enum { kPage = 4096 };
static const int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS;

// `bytes` over what there is now.
static void limit(int resource, const char *name, long bytes) {
  struct rlimit limit;
  getrlimit(resource, &limit);
  limit.rlim_cur = bytes < 0 ? limit.rlim_max : (rlim_t)(1024 * status_figure(name) + bytes);
  if (setrlimit(resource, &limit) != 0) printf("setrlimit: %s\n", strerrorname_np(errno));
}

static void address_space(void) {
  char *area = mmap(NULL, 16 * kPage, PROT_READ, kPrivate, -1, 0);
  limit(RLIMIT_AS, "VmSize:", 8 * kPage);
  SHOW_ADDRESS("AS: too much", mmap(NULL, 9 * kPage, PROT_NONE, kPrivate, -1, 0));
  SHOW_ADDRESS("AS: in the place of others", mmap(area, 16 * kPage, PROT_READ | PROT_WRITE, kPrivate | MAP_FIXED, -1, 0));
  SHOW_ADDRESS("AS: grow too much", mremap(area, 16 * kPage, 25 * kPage, MREMAP_MAYMOVE));
  SHOW_ADDRESS("AS: grow", mremap(area, 16 * kPage, 20 * kPage, MREMAP_MAYMOVE));
  SHOW_ADDRESS("AS: the rest", mmap(NULL, 4 * kPage, PROT_NONE, kPrivate, -1, 0));
  SHOW_ADDRESS("AS: one more", mmap(NULL, kPage, PROT_NONE, kPrivate, -1, 0));
  SHOW("AS: brk", brk((char *)sbrk(0) + kPage));
  limit(RLIMIT_AS, "VmSize:", -1);
}

static void data(void) {
  char *area = mmap(NULL, 16 * kPage, PROT_READ, kPrivate, -1, 0);
  limit(RLIMIT_DATA, "VmData:", 8 * kPage);
  SHOW_ADDRESS("DATA: too much", mmap(NULL, 9 * kPage, PROT_READ | PROT_WRITE, kPrivate, -1, 0));
  SHOW_ADDRESS("DATA: read only", mmap(NULL, 9 * kPage, PROT_READ, kPrivate, -1, 0));
  SHOW_ADDRESS("DATA: shared", mmap(NULL, 9 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  SHOW_ADDRESS("DATA: a stack", mmap(NULL, 9 * kPage, PROT_READ | PROT_WRITE, kPrivate | MAP_GROWSDOWN, -1, 0));
  SHOW("DATA: made writable", mprotect(area, 9 * kPage, PROT_READ | PROT_WRITE));
  SHOW("DATA: made writable within", mprotect(area, 8 * kPage, PROT_READ | PROT_WRITE));
  SHOW("DATA: brk", brk((char *)sbrk(0) + 40 * kPage));
  SHOW("DATA: read only again", mprotect(area, 8 * kPage, PROT_READ));
  SHOW_ADDRESS("DATA: within", mmap(NULL, 8 * kPage, PROT_READ | PROT_WRITE, kPrivate, -1, 0));
  limit(RLIMIT_DATA, "VmData:", -1);
}

static sigjmp_buf resume_point;
static siginfo_t caught;
static void on_fault(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  caught = *info;
  siglongjmp(resume_point, 1);
}

static long stack_bytes(void) {
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[512];
  unsigned long start = 0, end = 0;
  while (fgets(line, sizeof line, maps) != NULL) {
    if (strstr(line, "[stack]") != NULL) sscanf(line, "%lx-%lx", &start, &end);
  }
  fclose(maps);
  return (long)(end - start);
}

static void stack(void) {
  static char signal_stack[64 << 10];
  const stack_t other = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
  sigaltstack(&other, NULL);
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
  action.sa_sigaction = on_fault;
  sigaction(SIGSEGV, &action, NULL);
  for (int megabytes = 2; megabytes <= 4; megabytes += 2) {
    struct rlimit limit;
    getrlimit(RLIMIT_STACK, &limit);
    limit.rlim_cur = (rlim_t)megabytes << 20;
    SHOW("STACK: limit", setrlimit(RLIMIT_STACK, &limit));
    static volatile char *below;
    below = __builtin_frame_address(0);
    if (sigsetjmp(resume_point, 1) == 0) {
      for (;;) *(below -= kPage) = 1;
    }
    printf("STACK: code %d, %ld kB\n", caught.si_code, stack_bytes() >> 10);
  }
}

static long count_areas(void) {
  FILE *maps = fopen("/proc/self/maps", "r");
  static char line[512];
  long lines = 0;
  while (fgets(line, sizeof line, maps) != NULL) lines += strstr(line, "[vsyscall]") == NULL;
  fclose(maps);
  return lines;
}

static void areas(void) {
  const long pages = 140000;
  char *area = mmap(NULL, pages * kPage, PROT_NONE, kPrivate | MAP_NORESERVE, -1, 0);
  char *spare = mmap(NULL, 8 * kPage, PROT_READ, kPrivate, -1, 0);
  FILE *maps = fopen("/proc/self/maps", "r");  // its buffer is there before the limit is
  fgetc(maps);
  fclose(maps);
  char *at = area;
  do at += 2 * kPage;
  while (at < area + pages * kPage && mprotect(at, kPage, PROT_READ) == 0);
  printf("areas: %ld, %s\n", count_areas(), strerrorname_np(errno));
  SHOW("split by mprotect", mprotect(spare + 2 * kPage, kPage, PROT_NONE));
  SHOW("split by madvise", madvise(spare + 2 * kPage, kPage, MADV_DONTFORK));
  SHOW("split by mlock", mlock(spare + 2 * kPage, kPage));
  SHOW("split by munmap", munmap(spare + 2 * kPage, kPage));
  SHOW_ADDRESS("mremap", mremap(spare, 2 * kPage, 4 * kPage, MREMAP_MAYMOVE));
  SHOW("munmap of an end", munmap(spare + 7 * kPage, kPage));
  SHOW_ADDRESS("one over", mmap(spare + 7 * kPage, kPage, PROT_WRITE, kPrivate | MAP_FIXED, -1, 0));
  SHOW_ADDRESS("two over", mmap(NULL, kPage, PROT_EXEC, kPrivate, -1, 0));
  SHOW("brk", brk((char *)sbrk(0) + (1 << 20)));
  printf("areas: %ld\n", count_areas());
}

// For a machine of 64 MiB.
static void commit(void) {
  const size_t mega = 1 << 20;
  SHOW_ADDRESS("more than there is", mmap(NULL, 65 * mega, PROT_READ | PROT_WRITE, kPrivate, -1, 0));
  SHOW_ADDRESS("without reserve", mmap(NULL, 65 * mega, PROT_READ | PROT_WRITE, kPrivate | MAP_NORESERVE, -1, 0));
  SHOW_ADDRESS("a third", mmap(NULL, 20 * mega, PROT_READ | PROT_WRITE, kPrivate, -1, 0));
  SHOW_ADDRESS("another third", mmap(NULL, 20 * mega, PROT_READ | PROT_WRITE, kPrivate, -1, 0));
  SHOW_ADDRESS("shared", mmap(NULL, 20 * mega, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  SHOW_ADDRESS("read only", mmap(NULL, 100 * mega, PROT_READ, kPrivate, -1, 0));
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  const char *what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "areas") == 0) {
    areas();
  } else if (strcmp(what, "commit") == 0) {
    commit();
  } else {
    address_space();
    data();
    stack();
  }
  return 0;
}
