// Files in memory: memfd_create, seals, sizes that change under mappings, holes.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "check.h"
#include "huge_pages.h"
#include "maps.h"
#include "memfd.h"
#include "status.h"
#include "touch.h"

enum { kPage = 4096 };

static int make(const char *name, unsigned flags, off_t size) {
  int fd = memfd_create(name, flags);
  if (fd >= 0 && ftruncate(fd, size) != 0) die("ftruncate");
  return fd;
}
static char *map(int fd, size_t size, int protection, int flags, off_t offset) {
  char *at = mmap(NULL, size, protection, flags, fd, offset);
  return at;
}
#define SHARED(fd, pages) map(fd, (pages) * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, 0)
#define FD(name, expression)                                                      \
  do {                                                                            \
    errno = 0;                                                                    \
    int show_fd = (expression);                                                   \
    printf("%s: %s\n", name, show_fd >= 0 ? "open" : strerrorname_np(errno)); \
    if (show_fd >= 0) close(show_fd);                                             \
  } while (0)

static void residency(const char *name, char *area, int pages) {
  unsigned char map[64];
  if (mincore(area, (size_t)pages * kPage, map) != 0) die("mincore");
  printf("%s: ", name);
  for (int i = 0; i < pages; ++i) putchar('0' + (map[i] & 1));
  putchar('\n');
}

static void creation(void) {
  char long_name[300];
  memset(long_name, 'n', sizeof long_name);
  long_name[250] = 0;
  FD("name of 250", memfd_create(long_name, 0));
  long_name[249] = 0;
  FD("name of 249", memfd_create(long_name, 0));
  FD("empty name", memfd_create("", 0));
  FD("slashes", memfd_create("a/b", 0));
  FD("no name", memfd_create((char *)8, 0));
  FD("unknown flags", memfd_create("x", 0x20));
  FD("unknown flags, no name", memfd_create((char *)8, 0x20));
  FD("exec and noexec", memfd_create("x", MFD_EXEC | MFD_NOEXEC_SEAL));
  FD("a size, but not huge", memfd_create("x", 21U << MFD_HUGE_SHIFT));
  FD("huge", memfd_create("x", MFD_HUGETLB));
  FD("huge 2M", memfd_create("x", MFD_HUGETLB | 21U << MFD_HUGE_SHIFT));
  FD("huge odd", memfd_create("x", MFD_HUGETLB | 9U << MFD_HUGE_SHIFT));
  struct stat status;
  struct statfs system;
  int fd = memfd_create("kinds", MFD_EXEC);
  fstat(fd, &status), fstatfs(fd, &system);
  printf("mode %o size %ld links %ld type %lx\n", status.st_mode, (long)status.st_size,
         (long)status.st_nlink, system.f_type);
  SHOW("cloexec", fcntl(fd, F_GETFD));
  SHOW("seals", fcntl(fd, F_GET_SEALS));
  close(fd);
  fd = memfd_create("kinds", MFD_NOEXEC_SEAL | MFD_CLOEXEC);
  fstat(fd, &status);
  printf("mode %o\n", status.st_mode);
  SHOW("cloexec", fcntl(fd, F_GETFD));
  SHOW("seals", fcntl(fd, F_GET_SEALS));
  SHOW("make executable", fchmod(fd, 0755));
  SHOW("chmod", fchmod(fd, 0600));
  close(fd);
}

static void names(void) {
  int fd = make("name", 0, 8 * kPage);
  char *at = SHARED(fd, 8);
  char *again = map(fd, 2 * kPage, PROT_READ, MAP_PRIVATE, 3 * kPage);
  show_maps("shared", at, 8 * kPage, 0);
  show_maps("private", again, 2 * kPage, 0);
  munmap(at, 8 * kPage), munmap(again, 2 * kPage);
  close(fd);
}

static void huge(void) {
  int fd = memfd_create("huge", MFD_HUGETLB);
  SHOW("grow", ftruncate(fd, 4 << 20));
  SHOW("grow oddly", ftruncate(fd, kPage));
  SHOW_ADDRESS("map", mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  SHOW_ADDRESS("map privately", mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
  SHOW_ADDRESS("map a page", mmap(NULL, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  SHOW_ADDRESS("map at an odd offset", mmap(NULL, 2 << 20, PROT_READ, MAP_SHARED, fd, kPage));
  SHOW("write", write(fd, "x", 1));
  close(fd);
}

static void coherence(void) {
  int fd = make("both", 0, 4 * kPage);
  char *at = SHARED(fd, 4), *twin = SHARED(fd, 4);
  char *copy = map(fd, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
  char text[16] = "";
  (void)*(volatile char *)at;
  at[0] = 'a';
  printf("twin %c private %c\n", twin[0], copy[0]);
  SHOW("pread", pread(fd, text, 1, 0));
  printf("read %c\n", text[0]);
  SHOW("pwrite", pwrite(fd, "b", 1, 0));
  printf("at %c twin %c private %c\n", at[0], twin[0], copy[0]);
  at[0] = 'c', twin[1] = 'd';
  pread(fd, text, 2, 0);
  printf("read %.2s\n", text);
  copy[0] = 'e';
  at[0] = 'f';
  printf("at %c private %c\n", at[0], copy[0]);
  SHOW("msync", msync(at, 4 * kPage, MS_SYNC));
  SHOW("fsync", fsync(fd));
  at[0] = 'g';
  pread(fd, text, 1, 0);
  printf("read %c\n", text[0]);
  at[2 * kPage] = 'h';
  SHOW("lseek", lseek(fd, 0, SEEK_END));
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int other = open(path, O_RDONLY);
  pread(other, text, 1, 2 * kPage);
  printf("by another open: %c\n", text[0]);
  char *reading = map(other, 4 * kPage, PROT_READ, MAP_SHARED, 0);
  at[3 * kPage] = 'i';
  printf("read-only twin: %c\n", reading[3 * kPage]);
  SHOW("write to it", mprotect(reading, kPage, PROT_READ | PROT_WRITE));
  SHOW_ADDRESS("shared, for writing", mmap(NULL, kPage, PROT_WRITE, MAP_SHARED, other, 0));
  close(other);
  const long before = status_figure("RssShmem:");
  char *fresh = SHARED(fd, 4);
  fresh[0] = fresh[kPage] = 1;
  printf("counts as shmem: %d\n", status_figure("RssShmem:") >= before + 8);
  close(fd);
}

static void sizes(void) {
  int fd = make("sizes", 0, 4 * kPage);
  char *at = SHARED(fd, 8);
  char *copy = map(fd, 8 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
  memset(at, 's', 4 * kPage);
  copy[2 * kPage] = 'p';
  printf("past the end: %s\n", touched(at + 4 * kPage, 0));
  printf("private, past the end: %s\n", touched(copy + 4 * kPage, 1));
  SHOW("shrink", ftruncate(fd, kPage + 100));
  printf("last page: %c %d\n", at[kPage + 99], at[kPage + 100]);
  printf("cut off: %s\n", touched(at + 2 * kPage, 1));
  printf("a private copy: %s\n", touched(copy + 2 * kPage, 0));
  residency("after shrinking", at, 4);
  at[kPage + 200] = 'u';
  char text[4] = "??";
  SHOW("read past the end", pread(fd, text, 2, kPage + 200));
  SHOW("grow", ftruncate(fd, 3 * kPage));
  printf("beyond the old end: mapped %d,", at[kPage + 200]);
  pread(fd, text, 1, kPage + 200);
  printf(" read %d\n", text[0]);
  printf("new page: %s\n", touched(at + 2 * kPage, 1));
  at[kPage + 300] = 'v';
  SHOW("shrink", ftruncate(fd, kPage + 100));
  SHOW("grow", ftruncate(fd, 3 * kPage));
  printf("beyond the cut: %d\n", at[kPage + 300]);
  SHOW("write past the end", pwrite(fd, "w", 1, 5 * kPage));
  printf("appeared: %c, hole %d\n", at[5 * kPage], at[4 * kPage]);
  SHOW("shrink to nothing", ftruncate(fd, 0));
  printf("all gone: %s\n", touched(at, 0));
  SHOW("grow to 1 TiB", ftruncate(fd, 1L << 40));
  char *far = map(fd, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, (1L << 40) - kPage);
  far[5] = 'f';
  SHOW("read far", pread(fd, text, 1, (1L << 40) - kPage + 5));
  printf("far %c\n", text[0]);
  struct stat status;
  fstat(fd, &status);
  printf("size %ld, %d\n", (long)status.st_size, (long)status.st_blocks < 1000);
  SHOW("negative", ftruncate(fd, -1));
  close(fd);
}

static void holes(void) {
  int fd = make("holes", 0, 8 * kPage);
  char *at = SHARED(fd, 8);
  char *copy = map(fd, 8 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
  memset(at, 'h', 8 * kPage);
  copy[3 * kPage] = 'p';
  (void)*(volatile char *)(copy + 4 * kPage);
  const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  const long before = status_figure("RssShmem:");
  SHOW("punch", fallocate(fd, punch, 2 * kPage + 100, 3 * kPage));
  printf("gone from the tables: %ld\n", before - status_figure("RssShmem:"));
  residency("after", at, 8);
  printf("edges: %c %d %d %c\n", at[2 * kPage + 99], at[2 * kPage + 100], at[5 * kPage + 99], at[5 * kPage + 100]);
  printf("inside: %d, the copy %c %d\n", at[3 * kPage], copy[3 * kPage], copy[4 * kPage]);
  at[4 * kPage] = 'n';
  char text[2] = "";
  pread(fd, text, 1, 4 * kPage);
  printf("new: %c\n", text[0]);
  SHOW("punch all", fallocate(fd, punch, 0, 8 * kPage));
  printf("size %ld, %d %d\n", (long)lseek(fd, 0, SEEK_END), at[0], at[7 * kPage]);
  SHOW("punch nothing", fallocate(fd, punch, 0, 0));
  SHOW("punch without keeping", fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, kPage));
  SHOW("zero", fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, kPage));
  SHOW("collapse", fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, kPage));
  SHOW("allocate", fallocate(fd, 0, 6 * kPage, 4 * kPage));
  printf("size %ld\n", (long)lseek(fd, 0, SEEK_END));
  SHOW("allocate, keeping", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 20 * kPage));
  printf("size %ld\n", (long)lseek(fd, 0, SEEK_END));
  ftruncate(fd, 0), ftruncate(fd, 8 * kPage);
  SHOW("data", lseek(fd, 0, SEEK_DATA));
  SHOW("hole", lseek(fd, 0, SEEK_HOLE));
  at[2 * kPage] = 'd';
  SHOW("data", lseek(fd, 0, SEEK_DATA));
  SHOW("hole", lseek(fd, 2 * kPage, SEEK_HOLE));
  struct stat status;
  fstat(fd, &status);
  printf("blocks %ld\n", (long)status.st_blocks);
  (void)*(volatile char *)(at + 5 * kPage);
  fstat(fd, &status);
  printf("blocks %ld\n", (long)status.st_blocks);
  memset(at, 'r', 8 * kPage);
  SHOW("remove", madvise(at + kPage, 2 * kPage, MADV_REMOVE));
  printf("removed: %c %d %d %c\n", at[0], at[kPage], at[2 * kPage], at[3 * kPage]);
  pread(fd, text, 1, kPage);
  printf("in the file: %d\n", text[0]);
  SHOW("remove privately", madvise(copy, kPage, MADV_REMOVE));
  SHOW("dontneed", madvise(at, 8 * kPage, MADV_DONTNEED));
  printf("kept: %c\n", at[0]);
  SHOW("free", madvise(at, 8 * kPage, MADV_FREE));
  close(fd);
}

static void anonymous(void) {
  const int shared = MAP_SHARED | MAP_ANONYMOUS;
  char *at = map(-1, 4 * kPage, PROT_READ | PROT_WRITE, shared, 0);
  show_maps("shared", at, 4 * kPage, 0);
  at[kPage] = 's';
  char *twin = mremap(at, 0, 4 * kPage, MREMAP_MAYMOVE);
  printf("twin: %d %c\n", twin != at, twin[kPage]);
  show_maps("twin", twin, 4 * kPage, 0);
  twin[2 * kPage] = 't';
  printf("both: %c\n", at[2 * kPage]);
  char *grown = mremap(at, 4 * kPage, 8 * kPage, MREMAP_MAYMOVE);
  show_maps("grown", grown, 8 * kPage, 0);
  printf("grown: %c; beyond: %s\n", grown[kPage], touched(grown + 4 * kPage, 1));
  SHOW("dontneed", madvise(grown, 4 * kPage, MADV_DONTNEED));
  printf("kept %c\n", grown[kPage]);
  SHOW("remove", madvise(grown + kPage, kPage, MADV_REMOVE));
  printf("removed %d %d\n", grown[kPage], twin[kPage]);
  SHOW("remove beyond", madvise(grown + 6 * kPage, kPage, MADV_REMOVE));
  SHOW("sync", msync(grown, 8 * kPage, MS_SYNC));
  char *half = mremap(grown + 2 * kPage, 0, kPage, MREMAP_MAYMOVE);
  printf("one page of it: %c\n", half[0]);
  char *beside = map(-1, 4 * kPage, PROT_READ | PROT_WRITE, shared | MAP_NORESERVE, 0);
  show_maps("another", beside, 4 * kPage, 0);

  int zero = open("/dev/zero", O_RDWR);
  char *private = map(zero, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, 2 * kPage);
  printf("private zero %d %s\n", private[kPage], touched(private + kPage, 1));
  show_maps("private zero", private, 4 * kPage, 0);
  SHOW("free", madvise(private, kPage, MADV_FREE));
  SHOW("wipe on fork", madvise(private, kPage, MADV_WIPEONFORK));
  char *next = mmap(private - 2 * kPage, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
  if (next == private - 2 * kPage) show_maps("beside zero", next, 6 * kPage, 0);
  char *public = map(zero, 4 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
  show_maps("shared zero", public, 4 * kPage, 0);
  public[0] = 'z';
  char text[2] = "x";
  SHOW("read zero", read(zero, text, 1));
  printf("zero is %d, shared %c\n", text[0], public[0]);
  char *other = map(zero, 4 * kPage, PROT_READ, MAP_SHARED, 0);
  printf("another one: %d\n", other[0]);
  char *offset = map(zero, 4 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, 2 * kPage);
  show_maps("with an offset", offset, 4 * kPage, 0);
  printf("first %s,", touched(offset + kPage, 1));
  printf(" last %s\n", touched(offset + 3 * kPage, 1));
  close(zero);
  zero = open("/dev/zero", O_RDONLY);
  char *reading = map(zero, kPage, PROT_READ, MAP_SHARED, 0);
  show_maps("read-only zero", reading, kPage, 0);
  SHOW_ADDRESS("written", mmap(NULL, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0));
  SHOW_ADDRESS("privately written", mmap(NULL, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0));
  close(zero);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  catch_faults();
  creation();
  names();
  if (has_no_huge_pages()) huge();
  coherence();
  sizes();
  holes();
  anonymous();
  return 0;
}
