// Where the parts of a program lie: the same addresses in every run. Touches memory of each kind.
#include <stdint.h>
#include <unistd.h>

#include "check.h"

static const char constant[] = "constant";
static int data = 42;
static int bss[4096];

static uintptr_t sum(const volatile unsigned char *bytes, size_t count) {
  uintptr_t total = 0;
  for (size_t i = 0; i < count; i += 64) total += bytes[i];
  return total;
}

int main(void) {
  int local = 7;
  char *before = sbrk(0);
  char *block = sbrk(1 << 20);
  char *after = sbrk(0);
  memset(block, 1, 1 << 20);
  char *allocated = malloc(100);
  char *mapped = malloc(1 << 22);  // from mmap
  memset(allocated, 2, 100);
  memset(mapped, 3, 1 << 22);
  data += 1;
  bss[4095] = data;
  printf("text   %p\nconst  %p\ndata   %p\nbss    %p\nheap   %p -> %p\nmalloc %p\nmmap   %p\nstack  %p\n",
         (void *)main, (const void *)constant, (void *)&data, (void *)bss, (void *)before,
         (void *)after, (void *)allocated, (void *)mapped, (void *)&local);
  printf("order  %d\n", (char *)main < (char *)&data && (char *)&data < (char *)bss &&
                            (char *)bss < before && before < (char *)&local);
  printf("sums   %lu %lu %d\n", (unsigned long)sum((unsigned char *)block, 1 << 20),
         (unsigned long)sum((unsigned char *)mapped, 1 << 22), bss[4095] + local);
  return 0;
}
