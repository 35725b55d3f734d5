// Where random mappings go: top-down, by hints, around guards, below 2 GiB, into holes, by mremap. Addresses are told
// from the first mapping, for what lies above it differs (the vDSO). Statically linked, so that nothing else is below.
//   placement SEED
#include <stdint.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <unistd.h>

#include "check.h"

enum { kPage = 4096, kMost = 64, kMapAbove4G = 0x80 };

static uint64_t state;
static uint64_t below(uint64_t limit) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state % limit;
}
static int one_in(uint64_t n) { return below(n) == 0; }

static char *origin;
static struct {
  char *start;
  size_t size;
} areas[kMost];
static int count;

static void show(const char *call, int step, const char *at, size_t size) {
  if (at == MAP_FAILED) {
    printf("%d %s of %zu: %s\n", step, call, size / kPage, strerrorname_np(errno));
  } else if ((uintptr_t)at < 1UL << 32) {
    printf("%d %s of %zu: at %p\n", step, call, size / kPage, (const void *)at);
  } else {
    printf("%d %s of %zu: %ld\n", step, call, size / kPage, (long)(at - origin) / kPage);
  }
}

static void map(int step) {
  const size_t size = (1 + below(one_in(4) ? 200 : 8)) * kPage;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  char *hint = NULL;
  if (one_in(4)) hint = origin - below(600) * kPage;
  if (one_in(9)) hint = (char *)(below(20) * kPage);
  if (hint != NULL && one_in(3)) hint -= below(kPage);
  if (one_in(10)) flags |= MAP_GROWSDOWN;
  if (one_in(10)) flags |= kMapAbove4G;
  if (one_in(14)) flags |= MAP_32BIT;
  if (one_in(14)) flags |= MAP_STACK;
  char *at = mmap(hint, size, one_in(3) ? PROT_NONE : PROT_READ | PROT_WRITE, flags, -1, 0);
  show("mmap", step, at, size);
  if (at == MAP_FAILED) return;
  areas[count].start = at;
  areas[count++].size = size;
}

static void unmap(void) {
  const int i = (int)below((uint64_t)count);
  const size_t from = one_in(3) ? below(areas[i].size / kPage) * kPage : 0;
  const size_t size = one_in(2) ? kPage : areas[i].size - from;
  munmap(areas[i].start + from, size);
  if (from == 0 && size == areas[i].size) areas[i] = areas[--count];
}

static void remap(int step) {
  const int i = (int)below((uint64_t)count);
  const size_t size = (1 + below(60)) * kPage;
  char *at = mremap(areas[i].start, areas[i].size, size, one_in(4) ? 0 : MREMAP_MAYMOVE);
  show("mremap", step, at, size);
  if (at == MAP_FAILED) return;
  areas[i].start = at;
  areas[i].size = size;
}

int main(int argc, char **argv) {
  const int now = personality(0xffffffff);
  if ((now & ADDR_NO_RANDOMIZE) == 0) {
    personality((unsigned long)now | ADDR_NO_RANDOMIZE);
    execv("/proc/self/exe", argv);
    die("execv");
  }
  static char buffer[1 << 16];
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  state = 88172645463325252ULL ^ (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) * 0x9e3779b97f4a7c15ULL;
  origin = mmap(NULL, kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int step = 0; step < 3000; ++step) {
    const uint64_t what = below(10);
    if (what < 5 && count < kMost) {
      map(step);
    } else if (what < 8 && count > 0) {
      unmap();
    } else if (count > 0) {
      remap(step);
    }
  }
  return 0;
}
