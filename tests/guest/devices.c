// The machine's own devices, whose memory programs map. Not to be run natively: what Linux would
// say of such drivers is in tests/cli/devices.sh.
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "maps.h"
#include "touch.h"

enum { kPage = 4096, kPages = 16, kReadWrite = PROT_READ | PROT_WRITE };

static int open_device(const char* name, int flags) {
  char path[64];
  snprintf(path, sizeof path, "/dev/%s", name);
  int fd = open(path, flags);
  if (fd < 0) die(path);
  return fd;
}

static char* map(int fd, int pages, int protection, int flags, int first) {
  char* at = mmap(NULL, (size_t)pages * kPage, protection, flags, fd, (off_t)first * kPage);
  if (at == MAP_FAILED) die("mmap");
  return at;
}

// What the driver sees of its page.
static void show_driver(const char* name, int fd, int page) {
  char text[64] = "";
  if (pread(fd, text, sizeof text - 1, (off_t)page * kPage) < 0) die("pread");
  text[strcspn(text, "\n")] = 0;
  printf("%s: %s\n", name, text);
}

static void show_text(const char* name, const char* text) {
  printf("%s: %.*s\n", name, (int)strcspn(text, "\n"), text);
}

// The wanted lines of smaps about the area that begins at `start`.
static void show_smaps(const char* name, const void* start, const char* wanted[]) {
  FILE* smaps = fopen("/proc/self/smaps", "r");
  char line[512], first[32];
  int inside = 0;
  snprintf(first, sizeof first, "%08lx-", (unsigned long)(uintptr_t)start);
  while (fgets(line, sizeof line, smaps) != NULL) {
    unsigned long from, to;
    if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
      inside = strncmp(line, first, strlen(first)) == 0;
    for (int i = 0; inside && wanted[i] != NULL; ++i)
      if (strncmp(line, wanted[i], strlen(wanted[i])) == 0) printf("%s: %s", name, line);
  }
  fclose(smaps);
}
static const char* kResident[] = {"Rss:", "Anonymous:", NULL};
static const char* kFlags[] = {"Rss:", "VmFlags:", NULL};

static long minor_faults(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

static long peek_remote(const char* at) {
  char byte;
  struct iovec here = {&byte, 1}, there = {(void*)at, 1};
  return process_vm_readv(getpid(), &here, 1, &there, 1, 0);
}

static long peek_mem(const char* at) {
  char byte;
  int fd = open("/proc/self/mem", O_RDONLY);
  long got = pread64(fd, &byte, 1, (off64_t)(uintptr_t)at);
  int error = errno;
  close(fd);
  errno = error;
  return got;
}

// A child that writes into the page.
static void write_in_child(char* at, const char* text) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    show_text("the child sees", at);
    fflush(stdout);
    strcpy(at, text);
    _exit(0);
  }
  waitpid(child, NULL, 0);
}

static void node(const char* name) {
  char path[64];
  snprintf(path, sizeof path, "/dev/%s", name);
  struct stat status;
  if (stat(path, &status) != 0) die(path);
  printf("%s: %o, %u:%u\n", path, status.st_mode, major(status.st_rdev), minor(status.st_rdev));
  struct statx more;
  if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &more) != 0) die("statx");
  printf("statx: %o, %u:%u\n", more.stx_mode, more.stx_rdev_major, more.stx_rdev_minor);
  int fd = open_device(name, O_RDWR);
  if (fstat(fd, &status) != 0) die("fstat");
  printf("fstat: %o, %u:%u\n", status.st_mode, major(status.st_rdev), minor(status.st_rdev));
  close(fd);
  printf("can be removed: %d\n", unlink(path) == 0);
  SHOW("as a directory", open(path, O_RDONLY | O_DIRECTORY));
  int found = 0;
  DIR* directory = opendir("/dev");
  for (struct dirent* entry; (entry = readdir(directory)) != NULL;)
    if (strcmp(entry->d_name, name) == 0) found += entry->d_type == DT_CHR;
  closedir(directory);
  printf("in /dev: %d\n", found);
}

static void by_calls(int fd) {
  char text[8];
  show_driver("at first", fd, 3);
  SHOW("write", pwrite(fd, "from a call\n", 12, 3 * kPage));
  show_driver("then", fd, 3);
  SHOW("read past the end", pread(fd, text, sizeof text, kPages * kPage));
  SHOW("write past the end", pwrite(fd, text, sizeof text, kPages * kPage));
  SHOW("read over the end", pread(fd, text, sizeof text, kPages * kPage - 3));
  SHOW("bad address", pread(fd, (void*)8, 8, 0));
  SHOW("lseek", lseek(fd, kPage, SEEK_SET));
  SHOW("read there", read(fd, text, sizeof text));
}

static void rights(const char* name) {
  int fd = open_device(name, O_RDONLY);
  SHOW_ADDRESS("shared, for writing", mmap(NULL, kPage, kReadWrite, MAP_SHARED, fd, 0));
  munmap(map(fd, 1, PROT_READ, MAP_SHARED, 0), kPage);
  SHOW("write", write(fd, "x", 1));
  close(fd);
  fd = open_device(name, O_WRONLY);
  SHOW_ADDRESS("write only", mmap(NULL, kPage, PROT_READ, MAP_SHARED, fd, 0));
  close(fd);
}

static void shared(int fd) {
  char* at = map(fd, 4, kReadWrite, MAP_SHARED, 1);
  show_maps("maps", at, 4 * kPage, 0);
  show_text("the guest sees", at);
  show_text("and", at + 2 * kPage);
  strcpy(at, "from the guest\n");
  show_driver("the driver sees", fd, 1);
  SHOW("from the driver", pwrite(fd, "from the driver\n", 16, 1 * kPage));
  show_text("the guest sees", at);
  show_smaps("smaps", at, kFlags);
  write_in_child(at, "from the child\n");
  show_text("after the child", at);
  show_driver("the driver sees", fd, 1);
  SHOW("read only", mprotect(at, kPage, PROT_READ));
  printf("writing: %s\n", touched(at, 1));
  SHOW("writable again", mprotect(at, kPage, kReadWrite));
  printf("writing: %s\n", touched(at, 1));
  show_driver("the driver sees", fd, 1);
  SHOW("msync", msync(at, kPage, MS_SYNC));
  SHOW("write from it", write(fd, at, 4));
  SHOW("unmap", munmap(at, 4 * kPage));
}

static void private(int fd) {
  char* at = map(fd, 4, kReadWrite, MAP_PRIVATE, 4);
  show_text("the guest sees", at);
  strcpy(at, "a copy\n");
  show_text("the guest sees", at);
  show_driver("the driver sees", fd, 4);
  pwrite(fd, "changed\n", 8, 5 * kPage);
  show_text("behind it", at + kPage);
  show_smaps("smaps", at, kResident);
  write_in_child(at, "the child's copy\n");
  show_text("after the child", at);
  SHOW("unmap", munmap(at, 4 * kPage));
}

// What only pages that faults bring can do.
static void by_faults(int fd) {
  char* at = map(fd, kPages + 4, kReadWrite, MAP_SHARED, 0);
  long before = minor_faults();
  for (int page = 0; page < kPages; ++page) at[page * kPage] = 'g';
  printf("faults: %ld\n", minor_faults() - before);
  printf("beyond the end: %s\n", touched(at + kPages * kPage, 0));
  SHOW("read by process_vm_readv", peek_remote(at));
  SHOW("read by /proc/self/mem", peek_mem(at));
  SHOW("drop", madvise(at, kPage, MADV_DONTNEED));
  printf("again: %c\n", at[0]);
  SHOW("remove", madvise(at, kPage, MADV_REMOVE));
  char* grown = mremap(at, (kPages + 4) * kPage, (kPages + 8) * kPage, MREMAP_MAYMOVE);
  SHOW_ADDRESS("grow", grown);
  printf("there: %c\n", grown[kPage]);
  munmap(grown, (kPages + 8) * kPage);
}

// What cannot be done with pages that were mapped at once.
static void at_once(int fd) {
  SHOW_ADDRESS("too long", mmap(NULL, (kPages + 1) * kPage, PROT_READ, MAP_SHARED, fd, 0));
  SHOW_ADDRESS("over the end", mmap(NULL, 2 * kPage, PROT_READ, MAP_SHARED, fd, 15 * kPage));
  SHOW_ADDRESS("past the end", mmap(NULL, kPage, PROT_READ, MAP_SHARED, fd, 16 * kPage));
  char* at = map(fd, kPages, kReadWrite, MAP_SHARED, 0);
  long before = minor_faults();
  for (int page = 0; page < kPages; ++page) at[page * kPage] = 'G';
  printf("faults: %ld\n", minor_faults() - before);
  SHOW_ADDRESS("grow", mremap(at, kPages * kPage, (kPages + 1) * kPage, MREMAP_MAYMOVE));
  SHOW("lock", mlock(at, kPages * kPage));
  SHOW("drop", madvise(at, kPage, MADV_DONTNEED));
  SHOW("cold", madvise(at, kPage, MADV_COLD));
  SHOW("free", madvise(at, kPage, MADV_FREE));
  SHOW("populate", madvise(at, kPage, MADV_POPULATE_READ));
  SHOW("into forks", madvise(at, kPage, MADV_DOFORK));
  SHOW("into dumps", madvise(at, kPage, MADV_DODUMP));
  SHOW("wipe", madvise(at, kPage, MADV_WIPEONFORK));
  SHOW("read by process_vm_readv", peek_remote(at));
  SHOW("read by /proc/self/mem", peek_mem(at));
  unsigned char core = 2;
  SHOW("mincore", mincore(at, kPage, &core));
  printf("in core: %d\n", core & 1);
  show_smaps("locked", at, kFlags);
  char* moved = mremap(at, kPages * kPage, 8 * kPage, 0);
  printf("shrunk: %d\n", moved == at);
  moved = map(-1, 8, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, 0);
  printf("moved: %d\n",
         mremap(at, 8 * kPage, 8 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, moved) == moved);
  printf("the old place: %s\n", touched(at, 0));
  printf("the new: %c\n", moved[7 * kPage]);
  SHOW("a hole", munmap(moved + 2 * kPage, kPage));
  printf("it: %s\n", touched(moved + 2 * kPage, 0));
  munmap(moved, 8 * kPage);
}

// The buffer is there as long as somebody holds it.
static void lifetime(const char* name) {
  int fd = open_device(name, O_RDWR);
  char* at = map(fd, 2, kReadWrite, MAP_SHARED, 7);
  strcpy(at, "still there\n");
  close(fd);
  show_text("after close", at);
  int again = open_device(name, O_RDWR);
  show_driver("by another file", again, 7);
  close(again);
  fflush(stdout);
  pid_t child = fork();
  int pipes[2];
  if (pipe(pipes) != 0) die("pipe");
  if (child == 0) {
    munmap(at, 2 * kPage);
    again = open_device(name, O_RDWR);
    show_driver("while the parent maps it", again, 7);
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  munmap(at, 2 * kPage);
  fd = open_device(name, O_RDWR);
  show_driver("after the last", fd, 7);
  close(fd);
}

int main(int count, char** arguments) {
  if (count != 2) return 98;
  const char* name = arguments[1];
  catch_faults();
  node(name);
  rights(name);
  int fd = open_device(name, O_RDWR);
  by_calls(fd);
  shared(fd);
  private(fd);
  if (strcmp(name, "gonzo-vmalloc") == 0)
    by_faults(fd);
  else
    at_once(fd);
  close(fd);
  lifetime(name);
  return 0;
}
