// The operations of the bench table on memory.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest_ops.h"

static double touch_sequential_once(size_t bytes) {
  char* p = map_anonymous(bytes);
  const double start = now();
  touch(p, bytes);
  const double spent = now() - start;
  munmap(p, bytes);
  return spent / (double)(bytes / kPage);
}

// The first touch of memory that nobody used before in this run.
static double touch_fresh(void) { return touch_sequential_once(64 << 20); }

static double touch_recycled(void) {
  touch_sequential_once(64 << 20);
  double best = 1e18;
  for (int i = 0; i < 5; i++) {
    const double t = touch_sequential_once(64 << 20);
    if (t < best) best = t;
  }
  return best;
}

static uint32_t* shuffled(uint32_t n) {
  uint32_t* order = malloc(n * sizeof *order);
  uint64_t x = 88172645463325252ULL;
  for (uint32_t i = 0; i < n; i++) order[i] = i;
  for (uint32_t i = n - 1; i > 0; i--) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    const uint32_t j = (uint32_t)(x % (i + 1));
    const uint32_t t = order[i];
    order[i] = order[j], order[j] = t;
  }
  return order;
}

static double touch_random(void) {
  const uint32_t pages = (256u << 20) / kPage;
  uint32_t* order = shuffled(pages);
  char* p = map_anonymous((size_t)pages * kPage);
  const double start = now();
  for (uint32_t i = 0; i < pages; i++) p[(size_t)order[i] * kPage] = 1;
  const double spent = now() - start;
  munmap(p, (size_t)pages * kPage);
  free(order);
  return spent / pages;
}

static double zero_page_read(void) {
  const size_t bytes = 64 << 20;
  char* p = map_anonymous(bytes);
  volatile char sink = 0;
  const double start = now();
  for (size_t i = 0; i < bytes; i += kPage) sink = (char)(sink + p[i]);
  const double spent = now() - start;
  munmap(p, bytes);
  return spent / (double)(bytes / kPage);
}

static double file_private_read(void) {
  const size_t bytes = 16 << 20;
  char name[] = "/tmp/gonzo-bench-XXXXXX";
  const int fd = mkstemp(name);
  if (fd < 0) die(name);
  unlink(name);
  char block[1 << 16];
  memset(block, 7, sizeof block);
  for (size_t done = 0; done < bytes; done += sizeof block)
    if (write(fd, block, sizeof block) != (ssize_t)sizeof block) die("write");
  double spent = 0;
  volatile char sink = 0;
  for (int round = 0; round < 2; round++) {  // the first round fills the cache
    char* p = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) die("mmap file");
    const double start = now();
    for (size_t i = 0; i < bytes; i += kPage) sink = (char)(sink + p[i]);
    spent = now() - start;
    munmap(p, bytes);
  }
  close(fd);
  return spent / (double)(bytes / kPage);
}

static double map_unmap(void) {
  const int rounds = 20000;
  const double start = now();
  for (int i = 0; i < rounds; i++) {
    void* p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) die("mmap");
    munmap(p, 65536);
  }
  return (now() - start) / rounds;
}

// Splits an area in three, then merges it again.
static double protect_middle(void) {
  const int rounds = 20000;
  char* p = map_anonymous(16 * kPage);
  memset(p, 1, 16 * kPage);
  const double start = now();
  for (int i = 0; i < rounds; i++) {
    mprotect(p + 4 * kPage, 4 * kPage, PROT_READ);
    mprotect(p + 4 * kPage, 4 * kPage, PROT_READ | PROT_WRITE);
  }
  const double spent = now() - start;
  munmap(p, 16 * kPage);
  return spent / rounds;
}

static double brk_up_down(void) {
  const int rounds = 20000;
  char* top = (char*)syscall(SYS_brk, 0);
  const double start = now();
  for (int i = 0; i < rounds; i++) {
    syscall(SYS_brk, top + 65536);
    syscall(SYS_brk, top);
  }
  return (now() - start) / rounds;
}

static double remap_grow(void) {
  const int rounds = 20000;
  char* p = map_anonymous(32 * kPage);
  const double start = now();
  for (int i = 0; i < rounds; i++) {
    if (mremap(p, 32 * kPage, 16 * kPage, 0) == MAP_FAILED) die("mremap");
    if (mremap(p, 16 * kPage, 32 * kPage, 0) == MAP_FAILED) die("mremap");
  }
  const double spent = now() - start;
  munmap(p, 32 * kPage);
  return spent / rounds;
}

// To another place and back.
static double remap_move(void) {
  const int rounds = 20000, flags = MREMAP_MAYMOVE | MREMAP_FIXED;
  const size_t bytes = 16 * kPage;
  char *home = map_anonymous(2 * bytes), *away = home + bytes;
  munmap(away, bytes);
  memset(home, 1, bytes);
  const double start = now();
  for (int i = 0; i < rounds; i++) {
    if (mremap(home, bytes, bytes, flags, away) == MAP_FAILED) die("mremap");
    if (mremap(away, bytes, bytes, flags, home) == MAP_FAILED) die("mremap");
  }
  const double spent = now() - start;
  munmap(home, bytes);
  return spent / rounds;
}

static double dont_need(void) {
  const int rounds = 5000;
  const size_t bytes = 16 * kPage;
  char* p = map_anonymous(bytes);
  const double start = now();
  for (int i = 0; i < rounds; i++) {
    touch(p, bytes);
    madvise(p, bytes, MADV_DONTNEED);
  }
  const double spent = now() - start;
  munmap(p, bytes);
  return spent / rounds;
}

// Locks what is there already.
static double lock_unlock(void) {
  const int rounds = 20000;
  const size_t bytes = 16 * kPage;
  char* p = map_anonymous(bytes);
  memset(p, 1, bytes);
  const double start = now();
  for (int i = 0; i < rounds; i++)
    if (mlock(p, bytes) != 0 || munlock(p, bytes) != 0) return -1;
  const double spent = now() - start;
  munmap(p, bytes);
  return spent / rounds;
}

// Maps, locks and so brings in, and unmaps.
static double lock_fresh(void) {
  const int rounds = 2000;
  const size_t bytes = 16 * kPage;
  double spent = 0;
  for (int i = 0; i < rounds; i++) {
    char* p = map_anonymous(bytes);
    const double start = now();
    if (mlock(p, bytes) != 0) return -1;
    spent += now() - start;
    munmap(p, bytes);
  }
  return spent / rounds;
}

static double find_among(unsigned areas) {
  const size_t bytes = (size_t)areas * 2 * kPage;
  char* p = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) die("mmap");
  for (unsigned i = 0; i < areas / 2; i++)
    if (mprotect(p + (size_t)i * 4 * kPage, kPage, PROT_READ) != 0) return -1;
  uint64_t x = 88172645463325252ULL;
  const int rounds = 50000;
  const double start = now();
  for (int i = 0; i < rounds; i++) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    madvise(p + (x % (areas / 2)) * 4 * kPage, kPage, MADV_NORMAL);
  }
  const double spent = (now() - start) / rounds;
  munmap(p, bytes);
  return spent;
}
static double find_10(void) { return find_among(10); }
static double find_1000(void) { return find_among(1000); }
static double find_50000(void) { return find_among(50000); }

const struct Operation kMemoryOperations[] = {
    {"touch_fresh", touch_fresh},
    {"touch_recycled", touch_recycled},
    {"touch_random", touch_random},
    {"zero_page_read", zero_page_read},
    {"file_private_read", file_private_read},
    {"map_unmap", map_unmap},
    {"protect_middle", protect_middle},
    {"brk_up_down", brk_up_down},
    {"remap_grow", remap_grow},
    {"remap_move", remap_move},
    {"dont_need", dont_need},
    {"lock_unlock", lock_unlock},
    {"lock_fresh", lock_fresh},
    {"find_10", find_10},
    {"find_1000", find_1000},
    {"find_50000", find_50000},
};
const size_t kMemoryOperationCount = sizeof kMemoryOperations / sizeof *kMemoryOperations;
