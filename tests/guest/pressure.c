// A program larger than its machine: each page holds what was written there last, whatever was
// forked, moved, protected, given back and truncated meanwhile. Each thread does so with memory of
// its own and a file.   pressure MEGABYTES STEPS [SEED [THREADS]]
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kPage = 4096, kWords = kPage / sizeof(uint64_t), kMostThreads = 16 };

// Pages, and what they should hold; 0: nothing was ever written.
typedef struct {
  char* base;
  size_t count;
  uint64_t* expected;
} Pages;

typedef struct {
  uint64_t state;  // of its random numbers
  long steps;
  Pages own;      // private and anonymous
  Pages file;     // mapped shared
  size_t length;  // of the file, in pages
  int fd;
  uint64_t sum;
} World;

static uint64_t next(World* world) {
  world->state = world->state * 6364136223846793005ULL + 1442695040888963407ULL;
  return world->state >> 33;
}

static uint64_t* page_at(const Pages* pages, size_t index) {
  return (uint64_t*)(pages->base + index * kPage);
}

static void write_page(World* world, Pages* pages, size_t index) {
  const uint64_t value = next(world) | 1;
  uint64_t* page = page_at(pages, index);
  for (int i = 0; i < kWords; i += 37) page[i] = value + (uint64_t)i;
  pages->expected[index] = value;
}

static int holds(const uint64_t* page, uint64_t value) {
  for (int i = 0; i < kWords; i += 37) {
    if (page[i] != (value == 0 ? 0 : value + (uint64_t)i)) return 0;
  }
  return 1;
}

static int is_good(const Pages* pages, size_t index) {
  return holds(page_at(pages, index), pages->expected[index]);
}

static size_t count_bad(const Pages* pages, size_t count, size_t step) {
  size_t bad = 0;
  for (size_t i = 0; i < count; i += step) bad += !is_good(pages, i);
  return bad;
}

static void check(const char* what, size_t bad) {
  if (bad != 0) {
    printf("%s: %zu pages are wrong\n", what, bad);
    fflush(stdout);
    _exit(1);
  }
}

static void give_up(const char* what) {
  perror(what);
  _exit(2);
}

/// A child with changes of its own, which the parent must not see.
static void fork_once(World* world) {
  const pid_t child = fork();
  if (child < 0) give_up("fork");
  if (child == 0) {
    for (int i = 0; i < 64; ++i) write_page(world, &world->own, next(world) % world->own.count);
    _exit(count_bad(&world->own, world->own.count, 29) +
              count_bad(&world->file, world->length, 3) !=
          0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  check("a child", status != 0);
}

static void move_all(Pages* pages) {
  const size_t bytes = pages->count * kPage;
  char* const to = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char* const moved = mremap(pages->base, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to);
  if (moved == MAP_FAILED) give_up("mremap");
  pages->base = moved;
}

static void protect_some(World* world) {
  Pages* const own = &world->own;
  const size_t first = next(world) % own->count, count = 1 + next(world) % 64;
  const size_t bytes = (first + count > own->count ? own->count - first : count) * kPage;
  mprotect(page_at(own, first), bytes, PROT_READ);
  check("read-only", !is_good(own, first));
  mprotect(page_at(own, first), bytes, PROT_NONE);
  mprotect(page_at(own, first), bytes, PROT_READ | PROT_WRITE);
}

static void give_back(World* world) {
  const size_t first = next(world) % world->own.count;
  madvise(page_at(&world->own, first), kPage, MADV_DONTNEED);
  world->own.expected[first] = 0;
}

/// What is cut off is gone, and zeros are in its place when the file grows again.
static void truncate_file(World* world) {
  const size_t length = next(world) % (world->file.count + 1);
  if (ftruncate(world->fd, (off_t)(length * kPage)) != 0) give_up("ftruncate");
  for (size_t i = length; i < world->length; ++i) world->file.expected[i] = 0;
  world->length = length;
}

/// By the mapping or by a call, which see the same.
static void use_file(World* world) {
  if (world->length == 0) return;
  const size_t index = next(world) % world->length;
  const off_t offset = (off_t)(index * kPage);
  uint64_t copy[kWords];
  switch (next(world) % 4) {
    case 0:
      write_page(world, &world->file, index);
      break;
    case 1:
      check("file", !is_good(&world->file, index));
      break;
    case 2:
      if (pread(world->fd, copy, kPage, offset) != kPage) give_up("pread");
      check("file by a call", !holds(copy, world->file.expected[index]));
      break;
    default:
      if (pread(world->fd, copy, kPage, offset) != kPage) give_up("pread");
      for (int i = 0; i < kWords; i += 37) copy[i] = 1 + (uint64_t)i;
      world->file.expected[index] = 1;
      if (pwrite(world->fd, copy, kPage, offset) != kPage) give_up("pwrite");
  }
}

static void step(World* world) {
  Pages* const own = &world->own;
  const unsigned kind = (unsigned)(next(world) % 1000);
  if (kind < 440) {
    write_page(world, own, next(world) % own->count);
  } else if (kind < 900) {
    check("read", !is_good(own, next(world) % own->count));
  } else if (kind < 975) {
    use_file(world);
  } else if (kind < 980) {
    truncate_file(world);
  } else if (kind < 990) {
    give_back(world);
  } else if (kind < 998) {
    protect_some(world);
  } else if (kind < 999) {
    fork_once(world);
  } else {
    move_all(own);
  }
}

static Pages make_pages(size_t count, int flags, int fd) {
  Pages pages = {mmap(NULL, count * kPage, PROT_READ | PROT_WRITE, flags, fd, 0), count,
                 calloc(count, sizeof(uint64_t))};
  if (pages.base == MAP_FAILED || pages.expected == NULL) give_up("memory");
  return pages;
}

static void make_world(World* world, size_t count) {
  world->own = make_pages(count, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  FILE* const file = tmpfile();
  if (file == NULL) give_up("tmpfile");
  world->fd = fileno(file);
  world->file = make_pages(count / 16 + 1, MAP_SHARED, world->fd);
}

static void* live(void* argument) {
  World* const world = argument;
  for (size_t i = 0; i < world->own.count; ++i) write_page(world, &world->own, i);
  check("filled", count_bad(&world->own, world->own.count, 1));
  for (long i = 0; i < world->steps; ++i) step(world);
  check("at the end", count_bad(&world->own, world->own.count, 1));
  check("the file at the end", count_bad(&world->file, world->length, 1));
  for (size_t i = 0; i < world->own.count; ++i)
    world->sum = world->sum * 31 + world->own.expected[i];
  for (size_t i = 0; i < world->length; ++i) world->sum = world->sum * 31 + world->file.expected[i];
  return NULL;
}

int main(int argc, char** argv) {
  const size_t pages = (argc > 1 ? strtoul(argv[1], NULL, 0) : 16) << 8;
  const long steps = argc > 2 ? strtol(argv[2], NULL, 0) : 20000;
  const uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 20261122;
  const size_t threads = argc > 4 ? strtoul(argv[4], NULL, 0) : 1;
  if (threads < 1 || threads > kMostThreads || pages < threads * 64) return 2;
  static World worlds[kMostThreads];
  pthread_t running[kMostThreads];
  for (size_t i = 0; i < threads; ++i) {
    worlds[i].state = seed + i;
    worlds[i].steps = steps / (long)threads;
    make_world(&worlds[i], pages / threads);
  }
  for (size_t i = 1; i < threads; ++i) {
    if (pthread_create(&running[i], NULL, live, &worlds[i]) != 0) give_up("pthread_create");
  }
  live(&worlds[0]);
  uint64_t sum = worlds[0].sum;
  for (size_t i = 1; i < threads; ++i) {
    pthread_join(running[i], NULL);
    sum = sum * 31 + worlds[i].sum;
  }
  printf("%zu pages, %ld steps: %016llx\n", pages, steps, (unsigned long long)sum);
  return 0;
}
