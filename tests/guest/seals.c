// Seals of files in memory, and what they do to mappings.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "maps.h"
#include "memfd.h"
#include "touch.h"

enum { kPage = 4096, kReadWrite = PROT_READ | PROT_WRITE };

static int make(unsigned flags) {
  int fd = memfd_create("sealed", MFD_ALLOW_SEALING | flags);
  if (ftruncate(fd, 4 * kPage) != 0) die("ftruncate");
  return fd;
}
static char *map(int fd, int protection, int flags) {
  return mmap(NULL, 4 * kPage, protection, flags, fd, 0);
}
static int seal(int fd, unsigned seals) { return fcntl(fd, F_ADD_SEALS, seals); }
static int again(int fd, int flags) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return open(path, flags);
}

static void requests(void) {
  int fd = memfd_create("plain", MFD_EXEC);
  SHOW("not allowed", seal(fd, F_SEAL_WRITE));
  SHOW("seals", fcntl(fd, F_GET_SEALS));
  close(fd);
  fd = open("/dev/null", O_RDWR);
  SHOW("a device", seal(fd, F_SEAL_WRITE));
  SHOW("a device's seals", fcntl(fd, F_GET_SEALS));
  close(fd);
  int pipes[2];
  if (pipe(pipes) != 0) die("pipe");
  SHOW("a pipe", seal(pipes[1], F_SEAL_WRITE));
  SHOW("a pipe's end", seal(pipes[0], F_SEAL_WRITE));
  SHOW("no descriptor", seal(-1, F_SEAL_WRITE));
  fd = make(MFD_EXEC);
  SHOW("unknown seals", seal(fd, 0x100));
  SHOW("no seals", seal(fd, 0));
  SHOW("seals", fcntl(fd, F_GET_SEALS));
  int reading = again(fd, O_RDONLY);
  SHOW("by a reader", seal(reading, F_SEAL_GROW));
  SHOW("unknown by a reader", seal(reading, 0x100));
  SHOW("shrink", seal(fd, F_SEAL_SHRINK));
  SHOW("shrinking", ftruncate(fd, kPage));
  SHOW("growing", ftruncate(fd, 5 * kPage));
  SHOW("the same size", ftruncate(fd, 5 * kPage));
  SHOW("grow", seal(fd, F_SEAL_GROW));
  SHOW("growing", ftruncate(fd, 6 * kPage));
  SHOW("writing past the end", pwrite(fd, "x", 1, 5 * kPage));
  SHOW("writing over the end", pwrite(fd, "xyz", 3, 5 * kPage - 1));
  SHOW("allocating past the end", fallocate(fd, 0, 0, 6 * kPage));
  SHOW("writing", pwrite(fd, "x", 1, 0));
  SHOW("seal", seal(fd, F_SEAL_SEAL));
  SHOW("after that", seal(fd, F_SEAL_WRITE));
  SHOW("nothing after that", seal(fd, 0));
  SHOW("seals", fcntl(fd, F_GET_SEALS));
  close(fd), close(reading);
}

static void executing(void) {
  int fd = make(MFD_EXEC);
  SHOW("executable, sealed", seal(fd, F_SEAL_EXEC));
  SHOW("seals", fcntl(fd, F_GET_SEALS));
  SHOW("chmod x", fchmod(fd, 0600));
  SHOW("chmod", fchmod(fd, 0755));
  SHOW("write", pwrite(fd, "x", 1, 0));
  close(fd);
  fd = make(MFD_NOEXEC_SEAL);
  SHOW("seals", fcntl(fd, F_GET_SEALS));
  SHOW("executing again", seal(fd, F_SEAL_EXEC));
  SHOW("write", pwrite(fd, "x", 1, 0));
  close(fd);
}

static void busy(void) {
  int fd = make(MFD_EXEC);
  char *at = map(fd, kReadWrite, MAP_SHARED);
  memset(at, 'm', 4 * kPage);
  SHOW("in part", munmap(at, 2 * kPage));
  SHOW("busy", seal(fd, F_SEAL_WRITE));
  SHOW("busy, with others", seal(fd, F_SEAL_WRITE | F_SEAL_GROW));
  SHOW("busy, by executing", seal(fd, F_SEAL_EXEC));
  SHOW("nothing new", fcntl(fd, F_GET_SEALS));
  SHOW("read-only, but not for ever", mprotect(at + 2 * kPage, 2 * kPage, PROT_READ));
  SHOW("busy", seal(fd, F_SEAL_WRITE));
  SHOW("all", munmap(at, 4 * kPage));
  char *copy = map(fd, kReadWrite, MAP_PRIVATE);
  int reader = again(fd, O_RDONLY);
  char *reading = map(reader, PROT_READ, MAP_SHARED);
  show_maps("read-only", reading, 4 * kPage, 0);
  SHOW("private and read-only ones do not matter", seal(fd, F_SEAL_WRITE));
  SHOW("seals", fcntl(fd, F_GET_SEALS));
  char text[2] = "";
  pread(fd, text, 1, 3 * kPage);
  printf("what was stored: %c %c %c\n", text[0], copy[kPage], reading[2 * kPage]);
  SHOW("writing", pwrite(fd, "x", 1, 0));
  SHOW("writing nothing", pwrite(fd, "x", 0, 0));
  SHOW("punching", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kPage));
  SHOW("allocating", fallocate(fd, 0, 0, kPage));
  SHOW("growing", ftruncate(fd, 5 * kPage));
  SHOW("shrinking", ftruncate(fd, 4 * kPage));
  SHOW_ADDRESS("shared, writing", map(fd, kReadWrite, MAP_SHARED));
  SHOW_ADDRESS("shared, writing only", map(fd, PROT_WRITE, MAP_SHARED));
  SHOW_ADDRESS("shared by a reader, writing", map(reader, kReadWrite, MAP_SHARED));
  char *shared = map(fd, PROT_READ, MAP_SHARED);
  show_maps("shared, reading", shared, 4 * kPage, 0);
  SHOW("writing later", mprotect(shared, kPage, kReadWrite));
  SHOW("removing", madvise(shared, kPage, MADV_REMOVE));
  char *own = map(fd, kReadWrite, MAP_PRIVATE);
  own[0] = 'p';
  printf("private: %c, file %c\n", own[0], shared[0]);
  SHOW("other seals", seal(fd, F_SEAL_GROW | F_SEAL_SEAL));
  SHOW("seals", fcntl(fd, F_GET_SEALS));
  close(fd), close(reader);
}

static void future(void) {
  int fd = make(MFD_EXEC);
  char *before = map(fd, kReadWrite, MAP_SHARED);
  char *quiet = map(fd, PROT_READ, MAP_SHARED);
  before[0] = 'b';
  SHOW("future writes", seal(fd, F_SEAL_FUTURE_WRITE));
  SHOW("seals", fcntl(fd, F_GET_SEALS));
  before[0] = 'c', before[2 * kPage] = 'd';
  char text[2] = "";
  SHOW("reading", pread(fd, text, 1, 0));
  printf("read %c\n", text[0]);
  pread(fd, text, 1, 2 * kPage);
  printf("read %c\n", text[0]);
  SHOW("an old one may become writable", mprotect(quiet, kPage, kReadWrite));
  quiet[1] = 'q';
  pread(fd, text, 1, 1);
  printf("read %c\n", text[0]);
  SHOW("writing", pwrite(fd, "x", 1, 0));
  SHOW("punching", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kPage));
  SHOW_ADDRESS("mapping for writing", map(fd, kReadWrite, MAP_SHARED));
  char *reading = map(fd, PROT_READ, MAP_SHARED);
  show_maps("reading", reading, 4 * kPage, 0);
  printf("seen %c %c\n", reading[0], reading[1]);
  SHOW("writing later", mprotect(reading, kPage, kReadWrite));
  SHOW("growing", ftruncate(fd, 8 * kPage));
  char *larger = mremap(before, 4 * kPage, 8 * kPage, MREMAP_MAYMOVE);
  larger[6 * kPage] = 'l';
  pread(fd, text, 1, 6 * kPage);
  printf("read %c\n", text[0]);
  SHOW("busy", seal(fd, F_SEAL_WRITE));
  munmap(larger, 8 * kPage);
  SHOW("still busy", seal(fd, F_SEAL_WRITE));
  munmap(quiet, 4 * kPage);
  SHOW("for good", seal(fd, F_SEAL_WRITE));
  SHOW("seals", fcntl(fd, F_GET_SEALS));
  pread(fd, text, 1, 0);
  printf("read %c, seen %c\n", text[0], reading[0]);
  close(fd);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  catch_faults();
  requests();
  executing();
  busy();
  future();
  return 0;
}
