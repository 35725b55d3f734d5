// What the articles on memory tell, one statement a word on the command line: docs/articles.md.
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "maps.h"
#include "status.h"
#include "touch.h"

enum { kPage = 4096, kPages = 256 };  // 1 MiB

static char* map(size_t pages, int protection) {
  char* at = mmap(NULL, pages * kPage, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) die("mmap");
  return at;
}

static int resident_pages(char* at, size_t pages) {
  unsigned char here[kPages];
  if (mincore(at, pages * kPage, here) != 0) die("mincore");
  int count = 0;
  for (size_t i = 0; i < pages; ++i) count += here[i] & 1;
  return count;
}

static long minor_faults(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return used.ru_minflt;
}
static long major_faults(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return used.ru_majflt;
}

static uint64_t pagemap_word(const char* at) {
  uint64_t word = 0;
  const int file = open("/proc/self/pagemap", O_RDONLY);
  if (pread(file, &word, sizeof word, (off_t)((uintptr_t)at / kPage * sizeof word)) != sizeof word) die("pagemap");
  close(file);
  return word;
}
static int is_present(const char* at) { return (int)(pagemap_word(at) >> 63); }
static int resident_mapped(const char* at, int pages) {
  int count = 0;
  for (int i = 0; i < pages; ++i) count += is_present(at + i * kPage);
  return count;
}
static int is_swapped(const char* at) { return (int)(pagemap_word(at) >> 62 & 1); }
static int is_exclusive(const char* at) { return (int)(pagemap_word(at) >> 56 & 1); }

static void contract(void) {
  const long size = status_figure("VmSize:");
  char* at = map(kPages, PROT_READ | PROT_WRITE);
  printf("mmap of 1 MiB: %ld kB more of addresses, %d pages of memory\n", status_figure("VmSize:") - size, resident_pages(at, kPages));
  const long before = minor_faults();
  for (int i = 0; i < kPages; ++i) at[i * kPage] = 1;
  const long faults = minor_faults() - before;
  printf("each page written: %d pages of memory, %ld faults\n", resident_pages(at, kPages), faults);
  printf("and what was not written is %d\n", at[1]);
}

static void heap(void) {
  char* end = sbrk(0);
  if (sbrk(kPages * kPage) != end) die("sbrk");
  printf("brk: the heap ends %ld kB later, resident of it: %d pages\n", (long)((char*)sbrk(0) - end) / 1024,
         resident_pages((char*)(((uintptr_t)end + kPage - 1) & -(uintptr_t)kPage), kPages - 1));
  end[kPages * kPage / 2] = 1;
  printf("one byte written: resident: %d pages\n",
         resident_pages((char*)(((uintptr_t)end + kPage - 1) & -(uintptr_t)kPage), kPages - 1));
  const char* top = sbrk(0);
  char* small = malloc(100);
  char* large = malloc(1 << 20);
  printf("malloc(100) is below the break: %d, malloc(1 MiB): %d\n", small < top, large < top);
}

static void faults(void) {
  catch_faults();
  static const char constant[] = "text";
  char* at = map(2, PROT_READ | PROT_WRITE);
  munmap(at + kPage, kPage);
  printf("inside the area:  %s\n", touched(at, 1));
  printf("beyond it:        %s  (SEGV_MAPERR: find_vma found none)\n", touched(at + kPage, 0));
  printf("write to text:    %s  (SEGV_ACCERR: its area does not allow it)\n", touched((char*)(uintptr_t)constant, 1));
  printf("the kernel's:     %s\n", touched((char*)(sizeof(long) == 8 ? UINTPTR_MAX - kPage + 1 : 0xc0000000), 0));
}

static void merge(void) {
  char* at = map(6, PROT_READ | PROT_WRITE);
  show_maps("mapped", at, 6 * kPage, 0);
  mprotect(at + 2 * kPage, 2 * kPage, PROT_READ);
  show_maps("the middle read-only", at, 6 * kPage, 0);
  mprotect(at + 2 * kPage, 2 * kPage, PROT_READ | PROT_WRITE);
  show_maps("and writable again", at, 6 * kPage, 0);
}

static void copy(void) {
  char* at = map(1, PROT_READ | PROT_WRITE);
  at[0] = 'p';
  printf("before fork: one process maps it: %d\n", is_exclusive(at));
  fflush(stdout);
  int ready[2], go[2];
  char byte = 0;
  if (pipe(ready) != 0 || pipe(go) != 0) die("pipe");
  if (fork() == 0) {
    byte = at[0];
    if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1) _exit(1);
    at[0] = 'c';
    printf("the child has written %c: one process maps its page: %d\n", at[0], is_exclusive(at));
    exit(0);
  }
  if (read(ready[0], &byte, 1) != 1) die("read");
  printf("the child has read %c: one process maps it: %d\n", byte, is_exclusive(at));
  fflush(stdout);
  if (write(go[1], "", 1) != 1) die("write");
  wait(NULL);
  printf("the parent still reads %c\n", at[0]);
}

static void swap(void) {
  char* at = map(1, PROT_READ | PROT_WRITE);
  at[0] = 42;
  printf("written:   present %d, in swap %d\n", is_present(at), is_swapped(at));
  if (madvise(at, kPage, MADV_PAGEOUT) != 0) die("madvise");
  printf("paged out: present %d, in swap %d\n", is_present(at), is_swapped(at));
  const long before = major_faults();
  const int value = at[0];
  printf("read:      %d, by %ld major fault\n", value, major_faults() - before);
  printf("now:       present %d, in swap %d\n", is_present(at), is_swapped(at));
}

static void file(void) {
  char name[] = "/tmp/anatomy-XXXXXX", byte = 0;
  const int fd = mkstemp(name);
  unlink(name);
  if (fd < 0 || ftruncate(fd, kPage) != 0) die("file");
  char* shared = mmap(NULL, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char* own = mmap(NULL, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  shared[0] = 's';
  if (pread(fd, &byte, 1, 0) != 1) die("pread");
  printf("written to the shared mapping: the file reads %c, the private mapping %c\n", byte, own[0]);
  own[0] = 'p';
  if (pread(fd, &byte, 1, 0) != 1) die("pread");
  printf("written to the private one: the file reads %c, the shared mapping %c\n", byte, shared[0]);
  if (pwrite(fd, "w", 1, 0) != 1) die("pwrite");
  printf("written to the file: the shared mapping reads %c\n", shared[0]);
}

// The driver's memory is the program's as well: what one writes the other reads.
static void driver(void) {
  char seen[64] = "";
  const int fd = open("/dev/gonzo-vmalloc", O_RDWR);
  char* at = fd < 0 ? MAP_FAILED : mmap(NULL, 4 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) die("/dev/gonzo-vmalloc");
  printf("mapped: %d pages are there\n", resident_mapped(at, 4));
  printf("the program reads: %.*s\n", (int)strcspn(at + 2 * kPage, "\n"), at + 2 * kPage);
  printf("and now %d page is there: the others wait for their fault\n", resident_mapped(at, 4));
  strcpy(at + 2 * kPage, "from the program\n");
  if (pread(fd, seen, sizeof seen - 1, 2 * kPage) < 0) die("pread");
  printf("the driver reads: %.*s\n", (int)strcspn(seen, "\n"), seen);
}

static long stack_pages(void) { return status_figure("VmStk:") / 4; }
static int deep(int pages) {
  volatile char frame[kPage];
  frame[0] = 1;
  return pages == 0 ? 0 : deep(pages - 1) + frame[0];
}
static void stack(void) {
  const long before = stack_pages();
  const int calls = deep(kPages);
  printf("calls %d pages deep, and the stack has grown: %d\n", calls, stack_pages() - before > kPages / 2);
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*show)(void);
  } shows[] = {{"contract", contract}, {"heap", heap}, {"faults", faults}, {"merge", merge}, {"copy", copy},
               {"swap", swap}, {"file", file}, {"driver", driver}, {"stack", stack}};
  for (unsigned i = 0; i < sizeof shows / sizeof *shows; ++i) {
    if (argc == 2 && strcmp(argv[1], shows[i].name) == 0) {
      shows[i].show();
      return 0;
    }
  }
  return 2;
}
