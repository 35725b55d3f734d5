// Which pages were used since /proc/self/clear_refs, round after round: every third of them is read
// or written to. Where a processor keeps accessed bits, looking costs the program nothing.
//   working_set ROUNDS
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

enum { kPage = 4096, kPages = 1536 };

// A figure of the area that holds `address`, in kB.
static long figure(const char* address, const char* key) {
  FILE* smaps = fopen("/proc/self/smaps", "r");
  char line[512];
  int inside = 0;
  long value = -1;
  while (value < 0 && fgets(line, sizeof line, smaps) != NULL) {
    unsigned long from, to;
    if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
      inside = from <= (uintptr_t)address && (uintptr_t)address < to;
    else if (inside && strncmp(line, key, strlen(key)) == 0)
      value = atol(line + strlen(key));
  }
  fclose(smaps);
  return value;
}

// Of the pages: how many are present, how many swapped.
static void show_pagemap(const char* area) {
  static uint64_t words[kPages];
  const int fd = open("/proc/self/pagemap", O_RDONLY);
  if (pread(fd, words, sizeof words, (off_t)((uintptr_t)area / kPage * sizeof *words)) != sizeof words)
    die("pagemap");
  close(fd);
  int present = 0, swapped = 0;
  for (int i = 0; i < kPages; i++) {
    present += words[i] >> 63 & 1;
    swapped += words[i] >> 62 & 1;
  }
  printf("present %d, swapped %d\n", present, swapped);
}

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 3;
  char* area = mmap(NULL, (size_t)kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (area == MAP_FAILED) die("mmap");
  const int clear = open("/proc/self/clear_refs", O_WRONLY);
  memset(area, 1, (size_t)kPages * kPage);
  show_pagemap(area);
  for (int round = 0; round < rounds; round++) {
    if (write(clear, "1", 1) != 1) die("clear_refs");
    for (int i = round % 3; i < kPages; i += 3) {
      volatile char* at = area + (size_t)i * kPage;
      if (round % 2 == 0)
        (void)*at;
      else
        *at = 2;
    }
    printf("round %d: referenced %ld kB\n", round, figure(area, "Referenced:"));
  }
  show_pagemap(area);
  return 0;
}
