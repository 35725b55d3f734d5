// What a program hears of a write of its file that fails after the store that made it: an error at
// the next call that asks, once; the page is there all the while.   write_error FILE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { kPage = 4096, kPages = 16 };

static void say(const char* call, int result) {
  printf("%s: %s\n", call, result == 0 ? "fine" : strerror(errno));
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const int fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (fd < 0 || ftruncate(fd, kPages * kPage) != 0) return 3;
  char* const base = mmap(NULL, kPages * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return 4;
  base[kPage] = 1;
  say("msync", msync(base, kPages * kPage, MS_SYNC));
  say("msync", msync(base, kPages * kPage, MS_SYNC));
  say("fsync", fsync(fd));
  char byte = 0;
  if (pread(fd, &byte, 1, kPage) != 1) return 5;
  printf("the byte: %d\n", byte);
  base[kPage] = 2;
  say("fsync", fsync(fd));
  return 0;
}
