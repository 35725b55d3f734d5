// What /proc tells of the program's own memory: smaps, pagemap, clear_refs, and that the figures add
// up. All of an area is touched, so that nothing depends on how many pages a fault brings.
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

enum { kPage = 4096, kPages = 16, kBytes = kPage * kPages };
static char text[1 << 20];

// Reads a whole file into `text`, in pieces of the size given.
static long slurp(const char *name, size_t piece) {
  int fd = open(name, O_RDONLY);
  long size = 0, count;
  if (fd < 0) die(name);
  while ((count = read(fd, text + size, piece)) > 0) size += count;
  text[size] = 0;
  close(fd);
  return size;
}

static long value_after(const char *from, const char *key) {
  const char *found = strstr(from, key);
  return found ? strtol(found + strlen(key), NULL, 10) : -1;
}

// The area's part of smaps in `text`.
static char *area_at(const void *start) {
  char head[32];
  snprintf(head, sizeof head, "%lx-", (long)start);
  slurp("/proc/self/smaps", 65536);
  char *found = strstr(text, head);
  if (!found) die("no such area");
  char *end = strstr(strstr(found, "VmFlags:"), "\n");
  end[1] = 0;
  return found;
}

static void show(const char *name, const void *start) {
  char *line = strchr(area_at(start), '\n') + 1;
  printf("-- %s\n%s", name, line);
}

static void words(const char *name, const void *start, int count) {
  uint64_t word[kPages];
  int fd = open("/proc/self/pagemap", O_RDONLY);
  if (pread(fd, word, count * 8, (long)start / kPage * 8) != count * 8) die("pagemap");
  printf("%s:", name);
  for (int i = 0; i < count; ++i) printf(" %03x%s", (unsigned)(word[i] >> 55), word[i] << 9 ? "+" : "");
  printf("\n");
  close(fd);
}

static char *map(int protection, int flags, int fd) {
  // Room on both sides, so that it merges with nothing and has an aligned block of its own.
  char *room = mmap(NULL, 3 * kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *start = (char *)(((uintptr_t)room + kBytes - 1) & -(uintptr_t)kBytes);
  if (start == room) start += kBytes;
  if (mmap(start, kBytes, protection, flags | MAP_FIXED, fd, 0) == MAP_FAILED) die("mmap");
  return start;
}

static void areas(void) {
  const int write = PROT_READ | PROT_WRITE;
  char *private = map(write, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  show("untouched", private);
  memset(private, 1, kBytes);
  show("private", private);
  words("private", private, kPages);
  volatile char sum = 0;
  char *zeros = map(write, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  for (int i = 0; i < kPages; ++i) sum += zeros[i * kPage];
  show("zeros", zeros);
  char *shared = map(write, MAP_SHARED | MAP_ANONYMOUS, -1);
  for (int i = 0; i < kPages; ++i) shared[i * kPage] = 1;
  show("shared", shared);
  words("shared", shared, kPages);

  char name[] = "/tmp/gonzo-areas-XXXXXX";
  int fd = mkstemp(name);
  char block[kPage];
  memset(block, 'f', sizeof block);
  for (int i = 0; i < kPages; ++i) pwrite(fd, block, kPage, i * kPage);
  fsync(fd);
  char *file = map(PROT_READ, MAP_PRIVATE, fd);
  for (int i = 0; i < kPages; ++i) sum += file[i * kPage];
  show("file", file);
  words("file", file, kPages);
  char *again = map(write, MAP_SHARED, fd);
  for (int i = 0; i < kPages; ++i) sum += again[i * kPage];
  show("file, mapped twice", again);
  words("file, mapped twice", again, kPages);
  for (int i = 0; i < kPages; ++i) again[i * kPage] = 1;
  show("file, written", again);
  char *copied = map(write, MAP_PRIVATE, fd);
  for (int i = 0; i < kPages; ++i) copied[i * kPage] = 1;
  show("file, copied", copied);
  words("file, copied", copied, kPages);
  msync(again, kBytes, MS_SYNC);
  show("file, synced", again);
  unlink(name);

  mprotect(private, kBytes, PROT_NONE);
  show("forbidden", private);
  words("forbidden", private, 2);
  mprotect(private, kBytes, PROT_READ | PROT_EXEC);
  show("executable", private);
  madvise(shared, kBytes, MADV_DONTFORK);
  madvise(zeros, kBytes, MADV_SEQUENTIAL);
  madvise(again, kBytes, MADV_RANDOM);
  madvise(file, kBytes, MADV_DONTDUMP);
  show("dontfork", shared);
  show("sequential", zeros);
  show("random", again);
  show("dontdump", file);
  show("noreserve", map(write, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1));
}

// A processor that still holds a translation need not set the bit again, so each round has pages
// that are new.
static void references(void) {
  int fd = open("/proc/self/clear_refs", O_WRONLY);
  const char *writes[] = {"0", "1", "2\n", "3", "4", "5", "6", "x", " 1 ", "+1", "01", "0x1", "-1", ""};
  for (size_t i = 0; i < sizeof writes / sizeof *writes; ++i) {
    char *area = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    char *shared = map(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
    memset(area, 1, kBytes);
    memset(shared, 1, kBytes);
    printf("clear_refs %zu ", i);
    SHOW("is", write(fd, writes[i], strlen(writes[i])));
    printf("referenced: private %ld", value_after(area_at(area), "Referenced:"));
    printf(", shared %ld\n", value_after(area_at(shared), "Referenced:"));
  }
  SHOW("a long one", write(fd, "1           and more", 20));
  SHOW("reading it", read(fd, text, 1));
  SHOW("seeking it", lseek(fd, 5, SEEK_END));
  SHOW("a bad pointer", write(fd, (void *)8, 1));
  char *area = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  memset(area, 1, kBytes);
  write(fd, "1", 1);
  mprotect(area, kBytes, PROT_READ);
  mprotect(area, kBytes, PROT_READ | PROT_WRITE);
  memset(area, 1, kBytes);
  printf("touched again: %ld\n", value_after(area_at(area), "Referenced:"));

  const size_t large = 16 << 20;
  char *peak = mmap(NULL, large, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(peak, 1, large);
  munmap(peak, large);
  slurp("/proc/self/status", 65536);
  printf("peak above now: %d\n", value_after(text, "VmHWM:") > value_after(text, "VmRSS:") + (8 << 10));
  write(fd, "5", 1);
  slurp("/proc/self/status", 65536);
  printf("peak is now: %d\n", value_after(text, "VmHWM:") < value_after(text, "VmRSS:") + (1 << 10));
}

static long sum_of(const char *key) {
  long sum = 0;
  for (const char *at = text; (at = strstr(at, key)) != NULL; ++at) sum += value_after(at, key);
  return sum;
}

static void sums(void) {
  const char *keys[] = {"\nRss:", "\nShared_Clean:", "\nPrivate_Clean:", "\nPrivate_Dirty:",
                        "\nAnonymous:", "\nSwap:", "\nLocked:"};
  enum { kKeys = sizeof keys / sizeof *keys };
  long of_areas[kKeys], size, resident;
  slurp("/proc/self/smaps", 65536);
  for (int i = 0; i < kKeys; ++i) of_areas[i] = sum_of(keys[i]);
  size = sum_of("\nSize:") - (strstr(text, "[vsyscall]") ? kPage / 1024 : 0);  // the kernel's own
  slurp("/proc/self/smaps_rollup", 65536);
  for (int i = 0; i < kKeys; ++i) printf("rollup's %s sum: %d\n", keys[i] + 1, of_areas[i] == sum_of(keys[i]));
  printf("share by kind: %d\n", labs(sum_of("\nPss:") - sum_of("\nPss_Anon:") - sum_of("\nPss_File:") -
                                     sum_of("\nPss_Shmem:")) <= 3);
  slurp("/proc/self/status", 65536);
  resident = value_after(text, "VmRSS:");
  printf("resident: %d\n", resident == of_areas[0]);
  printf("size: %d\n", value_after(text, "VmSize:") == size);
  printf("by kind: %d\n", resident == value_after(text, "RssAnon:") + value_after(text, "RssFile:") +
                                          value_after(text, "RssShmem:"));
  printf("anonymous: %d\n", value_after(text, "RssAnon:") == of_areas[4]);
  long data = value_after(text, "VmData:") + value_after(text, "VmStk:");
  slurp("/proc/self/statm", 65536);
  long fields[7];
  sscanf(text, "%ld %ld %ld %ld %ld %ld %ld", fields, fields + 1, fields + 2, fields + 3, fields + 4, fields + 5,
         fields + 6);
  printf("statm: %d %d %d\n", fields[0] * 4 == size, fields[1] * 4 == resident, fields[5] * 4 == data);
}

static void pieces(void) {
  static char whole[sizeof text];
  const size_t sizes[] = {65536, 1, 100, 4095};
  slurp("/proc/self/maps", 65536);
  strcpy(whole, text);
  for (int i = 0; i < 4; ++i) printf("maps in pieces of %zu: %d\n", sizes[i], slurp("/proc/self/maps", sizes[i]) > 0 && strcmp(whole, text) == 0);
  int fd = open("/proc/self/maps", O_RDONLY);
  SHOW("seek", lseek(fd, 100, SEEK_SET));
  SHOW("read", read(fd, text, 50));
  printf("same: %d\n", memcmp(text, whole + 100, 50) == 0);
  SHOW("pread", pread(fd, text, 50, 10));
  printf("same: %d\n", memcmp(text, whole + 10, 50) == 0);
  SHOW("position", lseek(fd, 0, SEEK_CUR));
  SHOW("from the end", lseek(fd, 0, SEEK_END));
  SHOW("past the end", lseek(fd, 1 << 20, SEEK_SET));
  SHOW("read there", read(fd, text, 50));
  SHOW("write", write(fd, "x", 1));
  SHOW("a bad pointer", pread(fd, (void *)8, 50, 0));
  SHOW_ADDRESS("map it", mmap(NULL, kPage, PROT_READ, MAP_PRIVATE, fd, 0));
}

static void odd_pagemap(void) {
  int fd = open("/proc/self/pagemap", O_RDONLY);
  const off_t end = (1L << 47) / kPage * 8;
  SHOW("odd size", pread(fd, text, 7, 0));
  SHOW("odd offset", pread(fd, text, 8, 4));
  SHOW("nothing", pread(fd, text, 0, 0));
  SHOW("at the end", pread(fd, text, 8, end));
  SHOW("the last word", pread(fd, text, 64, end - 16));
  SHOW("far", pread(fd, text, 8, 1L << 60));
  SHOW("from the end", lseek(fd, 0, SEEK_END));
  SHOW("seek", lseek(fd, 80, SEEK_SET));
  SHOW("read", read(fd, text, 16));
  SHOW("position", lseek(fd, 0, SEEK_CUR));
  SHOW("much", pread(fd, text, 1 << 19, 0));
  SHOW("a bad pointer", pread(fd, (void *)8, 8, 0));
  SHOW_ADDRESS("map it", mmap(NULL, kPage, PROT_READ, MAP_PRIVATE, fd, 0));
}

// mincore and pagemap agree on memory that is the program's own.
static void residency(void) {
  char *area = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  unsigned char core[kPages];
  uint64_t word[kPages];
  memset(area, 1, kBytes);
  madvise(area + 3 * kPage, 2 * kPage, MADV_DONTNEED);
  mincore(area, kBytes, core);
  int fd = open("/proc/self/pagemap", O_RDONLY), agree = 0, resident = 0;
  pread(fd, word, sizeof word, (long)area / kPage * 8);
  for (int i = 0; i < kPages; ++i) {
    agree += (core[i] & 1) == word[i] >> 63;
    resident += core[i] & 1;
  }
  printf("resident %d, agreed %d\n", resident, agree);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  memset(text, 1, sizeof text);
  areas();
  references();
  sums();
  pieces();
  odd_pagemap();
  residency();
  return 0;
}
