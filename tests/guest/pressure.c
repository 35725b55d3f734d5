// A program larger than its machine: each page holds what was written there last, whatever was
// forked, moved, protected and given back meanwhile.   pressure MEGABYTES STEPS
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kPage = 4096, kWords = kPage / sizeof(uint64_t) };

static uint64_t state = 20261122;
static uint64_t next(void) {
  state = state * 6364136223846793005ULL + 1442695040888963407ULL;
  return state >> 33;
}

static char* base;
static size_t pages;
static uint64_t* expected;  // by page; 0: never written

static uint64_t* page_at(size_t index) { return (uint64_t*)(base + index * kPage); }

static void write_page(size_t index) {
  const uint64_t value = next() | 1;
  uint64_t* page = page_at(index);
  for (int i = 0; i < kWords; i += 37) page[i] = value + (uint64_t)i;
  expected[index] = value;
}

static int is_good(size_t index) {
  const uint64_t value = expected[index];
  const uint64_t* page = page_at(index);
  for (int i = 0; i < kWords; i += 37) {
    if (page[i] != (value == 0 ? 0 : value + (uint64_t)i)) return 0;
  }
  return 1;
}

static size_t count_bad(size_t step) {
  size_t bad = 0;
  for (size_t i = 0; i < pages; i += step) bad += !is_good(i);
  return bad;
}

static void check(const char* what, size_t bad) {
  if (bad != 0) {
    printf("%s: %zu pages are wrong\n", what, bad);
    exit(1);
  }
}

/// A child with changes of its own, which the parent must not see.
static void fork_once(void) {
  const pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 64; ++i) write_page(next() % pages);
    _exit(count_bad(29) != 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  check("a child", status != 0);
}

static void move_all(void) {
  char* const to = mmap(NULL, pages * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char* const moved = mremap(base, pages * kPage, pages * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, to);
  if (moved == MAP_FAILED) exit(2);
  base = moved;
}

static void protect_some(void) {
  const size_t first = next() % pages, count = 1 + next() % 64;
  const size_t bytes = (first + count > pages ? pages - first : count) * kPage;
  mprotect(base + first * kPage, bytes, PROT_READ);
  check("read-only", !is_good(first));
  mprotect(base + first * kPage, bytes, PROT_NONE);
  mprotect(base + first * kPage, bytes, PROT_READ | PROT_WRITE);
}

static void give_back(void) {
  const size_t first = next() % pages;
  madvise(page_at(first), kPage, MADV_DONTNEED);
  expected[first] = 0;
}

int main(int argc, char** argv) {
  pages = (argc > 1 ? strtoul(argv[1], NULL, 0) : 16) << 8;
  const long steps = argc > 2 ? strtol(argv[2], NULL, 0) : 20000;
  base = mmap(NULL, pages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  expected = calloc(pages, sizeof *expected);
  if (base == MAP_FAILED || expected == NULL) return 2;
  for (size_t i = 0; i < pages; ++i) write_page(i);
  check("filled", count_bad(1));
  for (long step = 0; step < steps; ++step) {
    const unsigned kind = (unsigned)(next() % 1000);
    if (kind < 480) {
      write_page(next() % pages);
    } else if (kind < 980) {
      check("read", !is_good(next() % pages));
    } else if (kind < 990) {
      give_back();
    } else if (kind < 998) {
      protect_some();
    } else if (kind < 999) {
      fork_once();
    } else {
      move_all();
    }
  }
  check("at the end", count_bad(1));
  uint64_t sum = 0;
  for (size_t i = 0; i < pages; ++i) sum = sum * 31 + expected[i];
  printf("%zu pages, %ld steps: %016llx\n", pages, steps, (unsigned long long)sum);
  return 0;
}
