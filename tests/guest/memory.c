// The memory calls' results, addresses left out.
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"

enum { kPage = 4096 };
#define AREA(pages, protection) \
  mmap(NULL, (pages) * kPage, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)

static void residency(const char *name, char *area, int pages) {
  unsigned char map[64];
  int resident = 0;
  if (mincore(area, (size_t)pages * kPage, map) != 0) {
    printf("%s: %s\n", name, strerrorname_np(errno));
    return;
  }
  for (int i = 0; i < pages; ++i) resident += map[i] & 1;
  printf("%s: %d resident\n", name, resident);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  char *area = AREA(8, PROT_READ | PROT_WRITE);
  SHOW("unaligned munmap", munmap(area + 1, kPage));
  SHOW("empty munmap", munmap(area, 0));
  SHOW("munmap of nothing", munmap((void *)0x10000000, kPage));
  SHOW("mprotect in the middle", mprotect(area + 2 * kPage, kPage, PROT_READ));
  SHOW("mprotect odd", mprotect(area + 7, kPage, PROT_READ));
  SHOW("mprotect over a hole", (munmap(area + 5 * kPage, kPage), mprotect(area + 4 * kPage, 3 * kPage, PROT_READ)));
  SHOW("mprotect nonsense", mprotect(area, kPage, 0x1000));
  memset(area, 7, 2 * kPage);
  SHOW("dontneed", madvise(area, kPage, MADV_DONTNEED));
  printf("zero again: %d, other kept: %d\n", area[0], area[kPage]);
  SHOW("madvise nonsense", madvise(area, kPage, 12345));
  SHOW("madvise over a hole", madvise(area + 4 * kPage, 3 * kPage, MADV_DONTNEED));
  residency("a hole", area, 8);

  char *grown = mremap(area, 2 * kPage, 16 * kPage, MREMAP_MAYMOVE);
  printf("moved: %d, kept %d\n", grown != area, grown[kPage]);
  SHOW_ADDRESS("grow in place, no room", mremap(grown, kPage, 2 * kPage, 0));
  SHOW_ADDRESS("mremap of a hole", mremap(area, kPage, kPage * 2, MREMAP_MAYMOVE));
  SHOW_ADDRESS("mremap to nothing", mremap(grown, kPage, 0, MREMAP_MAYMOVE));
  SHOW_ADDRESS("fixed over", mmap(grown, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  SHOW_ADDRESS("fixed, not replacing", mmap(grown, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
  SHOW_ADDRESS("fixed, odd", mmap(grown + 1, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  SHOW_ADDRESS("too large", mmap(NULL, 1UL << 47, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  SHOW_ADDRESS("huge length", mmap(NULL, -1UL, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  SHOW_ADDRESS("kernel's half", mmap(sizeof(void *) == 4 ? (void *)0xc0000000 : (void *)-(1UL << 47), kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  char *populated = mmap(NULL, 8 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  residency("populated", populated, 8);
  SHOW("incore odd", mincore(populated + 1, kPage, (unsigned char *)area));

  char *shared = mmap(NULL, 2 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  shared[kPage] = 9;
  printf("shared: %d %d\n", shared[0], shared[kPage]);

  char *start = sbrk(0);
  SHOW("brk up", brk(start + 10 * kPage));
  start[5 * kPage] = 1;
  SHOW("brk down", brk(start));
  SHOW("brk up again", brk(start + 10 * kPage));
  printf("new and zero: %d\n", start[5 * kPage]);
  SHOW("brk below", brk((void *)4096));

  struct rlimit limit;
  getrlimit(RLIMIT_STACK, &limit);
  struct rlimit small = {64 << 20, limit.rlim_max};
  getrlimit(RLIMIT_AS, &limit);
  SHOW("setrlimit AS", setrlimit(RLIMIT_AS, &(struct rlimit){.rlim_cur = small.rlim_cur, .rlim_max = limit.rlim_max}));
  SHOW_ADDRESS("over the limit", mmap(NULL, 128 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  SHOW("setrlimit back", setrlimit(RLIMIT_AS, &limit));
  SHOW("soft over hard", setrlimit(RLIMIT_DATA, &(struct rlimit){.rlim_cur = 10, .rlim_max = 5}));
  return 0;
}
