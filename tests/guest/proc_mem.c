// /proc/self/mem: memory as a debugger reaches it.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

enum { kPage = 4096 };
static char buffer[4 * kPage];

static char *map(int pages, int protection, int flags, int fd) {
  // With nothing above and below.
  char *room = mmap(NULL, (pages + 2) * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(room, (pages + 2) * kPage);
  char *start = mmap(room + kPage, pages * kPage, protection, flags | MAP_FIXED, fd, 0);
  if (start == MAP_FAILED) die("mmap");
  return start;
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  const int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
  int mem = open("/proc/self/mem", O_RDWR);
#define AT(address) ((off_t)(address))
  char *read_only = map(2, PROT_READ, anonymous, -1);
  SHOW("read", pread(mem, buffer, 4, AT(read_only)));
  SHOW("write into read-only", pwrite(mem, "hi!", 4, AT(read_only)));
  printf("there: %s\n", read_only);
  SHOW("read across the end", pread(mem, buffer, 3 * kPage, AT(read_only)));
  SHOW("write across the end", pwrite(mem, buffer, 3 * kPage, AT(read_only)));
  SHOW("read a hole", pread(mem, buffer, 4, AT(read_only + 2 * kPage)));
  SHOW("write a hole", pwrite(mem, buffer, 4, AT(read_only + 2 * kPage)));
  SHOW("null", pread(mem, buffer, 4, 0));
  SHOW("kernel, pread", pread(mem, buffer, 4, AT(0xffff800000000000)));
  SHOW("seek to kernel", lseek(mem, AT(0xffff800000000000), SEEK_SET) == AT(0xffff800000000000));
  SHOW("kernel, read", read(mem, buffer, 4));
  SHOW("from the end", lseek(mem, 0, SEEK_END));
  SHOW("nothing, in a hole", pread(mem, buffer, 0, AT(read_only + 2 * kPage)));
  SHOW("bad buffer", pread(mem, (void *)8, 4, AT(read_only)));
  SHOW("bad buffer, write", pwrite(mem, (void *)8, 4, AT(read_only)));
  SHOW("bad buffer, hole", pread(mem, (void *)8, 4, AT(read_only + 2 * kPage)));
  SHOW("bad buffer, write into a hole", pwrite(mem, (void *)8, 4, AT(read_only + 2 * kPage)));

  char *none = map(1, PROT_NONE, anonymous, -1);
  SHOW("read forbidden", pread(mem, buffer, 4, AT(none)));
  SHOW("write forbidden", pwrite(mem, "abc", 4, AT(none)));
  SHOW("read it back", pread(mem, buffer, 4, AT(none)));
  printf("there: %s\n", buffer);
  mprotect(none, kPage, PROT_READ);
  printf("and by itself: %s\n", none);

  char *shared = map(1, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1);
  SHOW("read shared", pread(mem, buffer, 4, AT(shared)));
  SHOW("write shared read-only", pwrite(mem, buffer, 4, AT(shared)));
  mprotect(shared, kPage, PROT_READ | PROT_WRITE);
  SHOW("write shared", pwrite(mem, "shr", 4, AT(shared)));
  printf("there: %s\n", shared);

  char name[] = "/tmp/gonzo-mem-XXXXXX";
  int fd = mkstemp(name);
  pwrite(fd, "the file", 8, 0);
  char *file = map(2, PROT_READ, MAP_PRIVATE, fd);
  SHOW("write file", pwrite(mem, "THE", 3, AT(file)));
  printf("there: %s\n", file);
  pread(fd, buffer, 9, 0);
  printf("in the file: %.8s\n", buffer);
  SHOW("past the file's end", pread(mem, buffer, 4, AT(file + kPage)));
  SHOW("write past it", pwrite(mem, buffer, 4, AT(file + kPage)));
  char *both = map(1, PROT_READ, MAP_SHARED, fd);
  SHOW("write file, shared read-only", pwrite(mem, "THE", 3, AT(both)));
  mprotect(both, kPage, PROT_READ | PROT_WRITE);
  SHOW("write file, shared", pwrite(mem, "ALL", 3, AT(both)));
  pread(fd, buffer, 9, 0);
  printf("in the file: %.8s\n", buffer);
  unlink(name);

  struct iovec two[2] = {{buffer, 4}, {buffer + 4, 4}};
  SHOW("two buffers", preadv(mem, two, 2, AT(read_only)));
  SHOW("seek", lseek(mem, AT(read_only), SEEK_SET) == AT(read_only));
  SHOW("read", read(mem, buffer, 100));
  SHOW("where", lseek(mem, 0, SEEK_CUR) - AT(read_only));
  char *writable = map(1, PROT_WRITE, anonymous, -1);
  SHOW("write-only, read", pread(mem, buffer, 4, AT(writable)));
  SHOW("own text", pread(mem, buffer, 4, AT(main)));
  SHOW("write own text", pwrite(mem, buffer, 4, AT(main)));
  SHOW("far below the stack", pread(mem, buffer, 4, AT(&fd) - (64 << 20)));
  int input = open("/proc/self/mem", O_RDONLY), output = open("/proc/self/mem", O_WRONLY);
  SHOW("read-only, write", pwrite(input, buffer, 4, AT(writable)));
  SHOW("write-only, read", pread(output, buffer, 4, AT(writable)));
  SHOW_ADDRESS("map it", mmap(NULL, kPage, PROT_READ, MAP_SHARED, mem, 0));
  return 0;
}
