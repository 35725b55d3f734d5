// Locked memory: results, VmLck, areas and residency. All capabilities are given up first, so that
// the limit holds for everyone.
#include <linux/capability.h>
#include <linux/mman.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "status.h"

enum { kPage = 4096, kPages = 48 };
static char *area;

static char *at(long page) { return area + page * kPage; }
static char *fresh(int protection) {
  munmap(area, kPages * kPage);
  return mmap(area, kPages * kPage, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

// The areas of the test, in pages, and which of its pages are resident.
static void show_state(const char *what) {
  printf("%s: VmLck %ld kB, areas", what, status_figure("VmLck:"));
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[512], permissions[8];
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long start, end;
    if (sscanf(line, "%lx-%lx %7s", &start, &end, permissions) != 3) continue;
    const long first = ((long)start - (long)area) / kPage, last = ((long)end - (long)area) / kPage;
    if (last > 0 && first < kPages) printf(" %ld-%ld %s", first, last, permissions);
  }
  fclose(maps);
  printf(", resident ");
  for (int page = 0; page < kPages; ++page) {
    unsigned char one;
    putchar(mincore(at(page), kPage, &one) != 0 ? '-' : (one & 1) != 0 ? '1' : '0');
  }
  putchar('\n');
}

static void limit(int pages) {
  struct rlimit limit;
  getrlimit(RLIMIT_MEMLOCK, &limit);
  limit.rlim_cur = (rlim_t)pages * kPage;
  SHOW("limit", setrlimit(RLIMIT_MEMLOCK, &limit));
}

static void give_up_capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2] = {{0}, {0}};
  SHOW("capset", syscall(SYS_capset, &header, none));
  SHOW("capset of init", (header.pid = 12345, syscall(SYS_capset, &header, none)));
  header.version = 1;
  SHOW("capset, unknown version", syscall(SYS_capset, &header, none));
  printf("version %x\n", header.version);
  SHOW("capset from nowhere", syscall(SYS_capset, NULL, none));
}

static void ranges(void) {
  fresh(PROT_READ | PROT_WRITE);
  SHOW("mlock", mlock(at(4), 4 * kPage));
  show_state("locked");
  SHOW("part of a page", mlock(at(10) + 100, kPage));
  show_state("two pages");
  SHOW("over both", mlock(at(4), 8 * kPage));
  show_state("one area");
  SHOW("munlock the middle", munlock(at(6) + 5, 10));
  show_state("split");
  SHOW("munlock all", munlock(at(0), kPages * kPage));
  SHOW("on fault", mlock2(at(20), 4 * kPage, MLOCK_ONFAULT));
  at(21)[0] = 1;
  SHOW("the other kind", mlock2(at(22), kPage, 0));
  show_state("on fault");
  SHOW("mlock2 nonsense", syscall(SYS_mlock2, at(0), kPage, 6));
  SHOW("nothing", mlock(at(0), 0));
  SHOW("huge", mlock(at(0), -1UL));
  SHOW("overflow", munlock(at(0), -2UL * kPage));
  SHOW("page zero", mlock(0, kPage));
  SHOW("kernel", mlock((void *)0xffff800000000000, kPage));
  munmap(at(30), 2 * kPage);
  SHOW("a hole", mlock(at(28), 6 * kPage));
  SHOW("hole first", mlock(at(31), 2 * kPage));
  SHOW("munlock over a hole", munlock(at(28), 6 * kPage));
  SHOW("munmap of locked", munmap(at(21), kPage));
  printf("VmLck %ld kB\n", status_figure("VmLck:"));
  SHOW("locked and dropped", madvise(at(22), kPage, MADV_DONTNEED));
  SHOW("freed", madvise(at(22), kPage, MADV_FREE));
  SHOW("invalidated", msync(at(22), kPage, MS_INVALIDATE));
  fresh(PROT_NONE);
  SHOW("no access", mlock(at(0), kPage));
  printf("stays locked: VmLck %ld kB\n", status_figure("VmLck:"));
  fresh(PROT_READ);
  SHOW("read only", mlock(at(0), 4 * kPage));
  SHOW("made writable", mprotect(at(0), 4 * kPage, PROT_READ | PROT_WRITE));
  show_state("made writable");
}

static void limits(void) {
  fresh(PROT_READ | PROT_WRITE);
  limit(8);
  SHOW("within", mlock(at(0), 8 * kPage));
  SHOW("once more", mlock(at(0), 8 * kPage));
  SHOW("beyond", mlock(at(4), 8 * kPage));
  SHOW_ADDRESS("MAP_LOCKED beyond", mmap(at(20), kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_LOCKED, -1, 0));
  SHOW_ADDRESS("grown beyond", mremap(at(0), 8 * kPage, 9 * kPage, MREMAP_MAYMOVE));
  SHOW("all beyond", mlockall(MCL_CURRENT));
  SHOW("mlockall(0)", mlockall(0));
  SHOW("mlockall(ONFAULT)", mlockall(MCL_ONFAULT));
  SHOW("mlockall(8)", mlockall(8));
  munlock(at(0), kPages * kPage);
  limit(0);
  SHOW("forbidden", mlock(at(0), kPage));
  SHOW("forbidden nothing", mlock(at(0), 0));
  SHOW("forbidden all", mlockall(MCL_FUTURE));
  SHOW_ADDRESS("forbidden MAP_LOCKED", mmap(at(20), kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_LOCKED, -1, 0));
  SHOW("munlock is not", munlock(at(0), kPage));
  SHOW("munlockall is not", munlockall());
}

static void flags_of_mmap(void) {
  const int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  limit(64);
  fresh(PROT_NONE);
  SHOW_ADDRESS("MAP_LOCKED", mmap(at(0), 2 * kPage, PROT_READ | PROT_WRITE, kind | MAP_LOCKED, -1, 0));
  SHOW_ADDRESS("MAP_POPULATE", mmap(at(4), 2 * kPage, PROT_READ | PROT_WRITE, kind | MAP_POPULATE, -1, 0));
  SHOW_ADDRESS("MAP_POPULATE | MAP_NONBLOCK", mmap(at(8), 2 * kPage, PROT_READ | PROT_WRITE, kind | MAP_POPULATE | MAP_NONBLOCK, -1, 0));
  show_state("by mmap");
  SHOW("MCL_FUTURE", mlockall(MCL_FUTURE));
  SHOW_ADDRESS("future", mmap(at(12), 2 * kPage, PROT_READ | PROT_WRITE, kind, -1, 0));
  SHOW_ADDRESS("future, no access", mmap(at(16), 2 * kPage, PROT_NONE, kind, -1, 0));
  SHOW("MCL_FUTURE on fault", mlockall(MCL_FUTURE | MCL_ONFAULT));
  SHOW_ADDRESS("future on fault", mmap(at(20), 2 * kPage, PROT_READ | PROT_WRITE, kind | MAP_POPULATE, -1, 0));
  char *heap = sbrk(0);
  const long before = status_figure("VmLck:");
  SHOW("brk", brk(heap + 4 * kPage));
  printf("brk locked %ld kB\n", status_figure("VmLck:") - before);
  SHOW("brk beyond", brk(heap + 100 * kPage));
  SHOW("brk back", brk(heap));
  SHOW("munlockall", munlockall());
  show_state("unlocked");
}

static void moves(void) {
  fresh(PROT_READ | PROT_WRITE);
  mlock(at(0), 10 * kPage);
  munmap(at(20), 28 * kPage);
  SHOW_ADDRESS("move", mremap(at(2), 4 * kPage, 4 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, at(20)));
  SHOW_ADDRESS("grow", mremap(at(20), 4 * kPage, 8 * kPage, 0));
  show_state("moved and grown");
  SHOW_ADDRESS("shrink", mremap(at(20), 8 * kPage, 3 * kPage, 0));
  show_state("shrunk");
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  area = (char *)0x200000000000;  // far from what it could merge with
  give_up_capabilities();
  struct rlimit most;
  getrlimit(RLIMIT_MEMLOCK, &most);
  if (most.rlim_max < 64 * kPage) {
    puts("the hard limit leaves no room");
    return 0;
  }
  limit(64);
  ranges();
  limits();
  flags_of_mmap();
  moves();
  return 0;
}
