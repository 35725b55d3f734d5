// A program for the emulator: what it prints is the same wherever it runs.
#define _GNU_SOURCE  // mremap
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kPage = 4096 };

static uint32_t mix(uint32_t x) {
  x ^= x >> 16;
  x *= 0x7feb352dU;
  x ^= x >> 15;
  return x * 0x846ca68bU;
}

static uint32_t sum(const unsigned char* bytes, size_t pages) {
  uint32_t total = 0;
  for (size_t i = 0; i < pages * kPage; i += 64) total = mix(total + bytes[i]);
  return total;
}

static unsigned char* map(size_t pages) {
  unsigned char* bytes = mmap(NULL, pages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED) {
    perror("mmap");
    exit(1);
  }
  return bytes;
}

static void fill(unsigned char* bytes, size_t pages, uint32_t seed) {
  for (size_t i = 0; i < pages * kPage; i += 64) bytes[i] = (unsigned char)mix(seed + (uint32_t)i);
}

static void heap(void) {
  char* text = NULL;
  size_t length = 0;
  for (int i = 0; i < 2000; ++i) {
    text = realloc(text, length + 64);
    length += (size_t)sprintf(text + length, "%d ", i);
  }
  printf("heap: %zu bytes of text, the last %s\n", length, text + length - 5);
  free(text);
}

// More than there is memory, if it is told so.
static void swap(size_t pages) {
  unsigned char* bytes = map(pages);
  fill(bytes, pages, 1);
  const uint32_t before = sum(bytes, pages);
  for (size_t i = 0; i < pages; i += 7) ++bytes[i * kPage + 64];
  printf("pages: %08x, some changed: %08x\n", before, sum(bytes, pages));
  munmap(bytes, pages * kPage);
}

static void copies(size_t pages) {
  unsigned char* bytes = map(pages);
  fill(bytes, pages, 2);
  const uint32_t before = sum(bytes, pages);
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    fill(bytes, pages / 2, 3);
    printf("child: %08x\n", sum(bytes, pages));
    fflush(stdout);
    _exit(7);
  }
  int status = 0;
  const int is_child = waitpid(child, &status, 0) == child;
  printf("parent: waited for it %d, status %d, unchanged %d\n", is_child, WEXITSTATUS(status), sum(bytes, pages) == before);
  munmap(bytes, pages * kPage);
}

static void moves(void) {
  unsigned char* bytes = map(8);
  fill(bytes, 8, 4);
  const uint32_t before = sum(bytes, 8);
  unsigned char* moved = mremap(bytes, 8 * kPage, 64 * kPage, MREMAP_MAYMOVE);
  printf("moved: same %d, then zeros %d\n", sum(moved, 8) == before, moved[40 * kPage] == 0);
  madvise(moved, 4 * kPage, MADV_DONTNEED);
  printf("not needed: %d, kept %d\n", moved[0], moved[4 * kPage] != 0 || moved[4 * kPage + 64] != 0);
}

// A function that is written, executed, and written anew.
static void code(void) {
#if defined(__x86_64__) || defined(__i386__)
  unsigned char* bytes = map(1);
  const unsigned char answer[] = {0xb8, 42, 0, 0, 0, 0xc3};  // mov $42, %eax; ret
  memcpy(bytes, answer, sizeof answer);
  mprotect(bytes, kPage, PROT_READ | PROT_EXEC);
  int (*const function)(void) = (int (*)(void))(uintptr_t)bytes;
  const int first = function();
  mprotect(bytes, kPage, PROT_READ | PROT_WRITE);
  bytes[1] = 43;
  mprotect(bytes, kPage, PROT_READ | PROT_EXEC);
  printf("code: %d, then %d\n", first, function());
#endif
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "crash") == 0) {
    unsigned char* bytes = map(1);
    mprotect(bytes, kPage, PROT_READ);
    *(volatile unsigned char*)bytes = 1;
  }
  const size_t pages = argc > 1 ? strtoul(argv[1], NULL, 10) : 64;
  printf("%d-bit, %zu pages\n", (int)sizeof(void*) * 8, pages);
  heap();
  swap(pages);
  copies(pages / 4);
  moves();
  code();
  return 0;
}
