// Goes round and round in its memory: all of it is its working set.   cycle MEGABYTES ROUNDS
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { kPage = 4096 };

int main(int argc, char** argv) {
  const size_t pages = (argc > 1 ? strtoul(argv[1], NULL, 0) : 8) << 8;
  const long rounds = argc > 2 ? strtol(argv[2], NULL, 0) : 4;
  char* const base =
      mmap(NULL, pages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) {
    perror("mmap");
    return 2;
  }
  uint64_t sum = 0;
  for (long round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < pages; ++i) {
      uint64_t* const word = (uint64_t*)(base + i * kPage);
      *word += i + (uint64_t)round;
      sum = sum * 31 + *word;
    }
  }
  printf("%zu pages, %ld rounds: %016llx\n", pages, rounds, (unsigned long long)sum);
  return 0;
}
