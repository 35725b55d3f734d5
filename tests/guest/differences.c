// The rows of docs/differences.md that are about memory, in their order: what Gonzo answers where Linux may
// answer otherwise. tests/cli/differences.sh has what is expected.
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "maps.h"
#include "status.h"

enum { kPage = 4096, kHuge = 2 << 20, kReadWrite = PROT_READ | PROT_WRITE };
enum { kCollapse = 25, kSetVma = 0x53564d41, kPrivate = MAP_PRIVATE | MAP_ANONYMOUS };

static char *map(size_t bytes, int flags) { return mmap(NULL, bytes, kReadWrite, flags, -1, 0); }

static int resident(char *area, size_t bytes) {
  unsigned char pages[1024];
  int count = 0;
  if (mincore(area, bytes, pages) != 0) die("mincore");
  for (size_t i = 0; i < bytes / kPage; ++i) count += pages[i] & 1;
  return count;
}

static int count_lines(const char *path, const char *text) {
  char line[512];
  int count = 0;
  FILE *file = fopen(path, "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) count += strstr(line, text) != NULL;
  if (file != NULL) fclose(file);
  return count;
}
static int proc_has(const char *path, const char *text) { return count_lines(path, text) > 0; }

// The first number after `name` in the file, from the line that holds `from` on.
static long figure(const char *path, const char *from, const char *name) {
  char line[512];
  long value = -1;
  int on = from == NULL;
  FILE *file = fopen(path, "r");
  while (file != NULL && value < 0 && fgets(line, sizeof line, file) != NULL) {
    on |= from != NULL && strstr(line, from) != NULL;
    if (on && strncmp(line, name, strlen(name)) == 0) value = atol(line + strlen(name));
  }
  if (file != NULL) fclose(file);
  return value;
}

static long figure_of_area(const char *area, const char *name) {
  char start[32];
  snprintf(start, sizeof start, "%lx-", (unsigned long)area);
  return figure("/proc/self/smaps", start, name);
}

static int vdso_has(const char *symbol) {
  const char *image = (const char *)getauxval(AT_SYSINFO_EHDR);
  return memmem(image, kPage, symbol, strlen(symbol)) != NULL;
}

static void placement(void) {
  printf("randomised: %d\n", (personality(0xffffffff) & ADDR_NO_RANDOMIZE) == 0);
  const unsigned char *random = (const unsigned char *)getauxval(AT_RANDOM);
  printf("AT_RANDOM: ");
  for (int i = 0; i < 16; ++i) printf("%02x", random[i]);
  printf("\n__vdso_getrandom: %d\n", vdso_has("__vdso_getrandom"));
}

static void huge_pages(void) {
  char *above = map(2 * kHuge + kPage, kPrivate), *large = map(2 * kHuge, kPrivate);
  SHOW("huge pages, please", madvise(large, 2 * kHuge, MADV_HUGEPAGE));
  memset(large, 1, 2 * kHuge);
  SHOW("now", madvise(large, 2 * kHuge, kCollapse));
  printf("huge: %ld kB\n", figure_of_area(large, "AnonHugePages:"));
  SHOW_ADDRESS("MAP_HUGETLB", map(kHuge, kPrivate | MAP_HUGETLB));
  SHOW_ADDRESS("MAP_HUGETLB without reserve", map(kHuge, kPrivate | MAP_HUGETLB | MAP_NORESERVE));
  printf("next to its neighbour: %d\n", large + 2 * kHuge == above);
}

static void advice(void) {
  char *area = map(16 * kPage, kPrivate);
  memset(area, 7, 16 * kPage);
  SHOW("pageout", madvise(area, 4 * kPage, MADV_PAGEOUT));
  SHOW("cold", madvise(area + 4 * kPage, 4 * kPage, MADV_COLD));
  SHOW("free", madvise(area + 8 * kPage, 4 * kPage, MADV_FREE));
  printf("still there: %d, %d %d %d\n", resident(area, 16 * kPage), area[0], area[4 * kPage], area[8 * kPage]);
  SHOW("mergeable", madvise(area, 16 * kPage, MADV_MERGEABLE));
  printf("merged: %ld kB\n", figure_of_area(area, "KSM:"));
  SHOW("hwpoison", madvise(area, kPage, MADV_HWPOISON));
  SHOW("soft offline", madvise(area, kPage, 101));

  char name[] = "/var/tmp/gonzo-differences-XXXXXX";
  const int fd = mkstemp(name);
  unlink(name);
  static char block[64 * kPage];
  memset(block, 'f', sizeof block);
  if (write(fd, block, sizeof block) != sizeof block) die("write");
  char *file = mmap(NULL, sizeof block, kReadWrite, MAP_SHARED, fd, 0);
  for (size_t i = 0; i < sizeof block; i += kPage) (void)*(volatile char *)(file + i);
  SHOW("remove", madvise(file + 9 * kPage, kPage, MADV_REMOVE));
  printf("in core: %d of 64\n", resident(file, sizeof block));
  close(fd);
}

static void names_and_policies(void) {
  char *area = map(kPage, kPrivate);
  SHOW("name", prctl(kSetVma, 0, area, kPage, "a name"));
  printf("named: %d\n", proc_has("/proc/self/maps", "[anon:a name]"));

  char *one = map(kPage, MAP_SHARED | MAP_ANONYMOUS);
  char *two = mremap(one, 0, kPage, MREMAP_MAYMOVE);
  unsigned long nodes = 1;
  int mode = -1;
  SHOW("bind", syscall(SYS_mbind, one, kPage, MPOL_BIND, &nodes, 64, 0));
  SHOW("policy", syscall(SYS_get_mempolicy, &mode, NULL, 0, one, MPOL_F_ADDR));
  printf("here: %d,", mode);
  syscall(SYS_get_mempolicy, &mode, NULL, 0, two, MPOL_F_ADDR);
  printf(" in its twin: %d\n", mode);
  nodes = 2;
  SHOW("bind to node 1", syscall(SYS_mbind, one, kPage, MPOL_BIND, &nodes, 64, 0));
  SHOW("memfd_secret", syscall(447, 0));
  SHOW("process_mrelease", syscall(448, -1, 0));
  SHOW("cachestat", syscall(451, -1, NULL, NULL, 0));
  SHOW("pkey_alloc", syscall(SYS_pkey_alloc, 0, 0));
  SHOW("pkey_mprotect", syscall(SYS_pkey_mprotect, area, kPage, PROT_READ, 0));
}

static void fault_around(void) {
  char *block = (char *)(((unsigned long)map(64 * kPage, kPrivate) + 16 * kPage) & ~(16UL * kPage - 1));
  block[3 * kPage] = 1;
  printf("written: %d pages\n", resident(block, 16 * kPage));
  const long before = status_figure("RssAnon:");
  (void)*(volatile char *)(block + 20 * kPage);
  printf("read: %d pages, counted %ld kB\n", resident(block + 16 * kPage, 16 * kPage),
         status_figure("RssAnon:") - before);
}

static void segments(void) {
  struct shm_info info;
  if (shmctl(0, SHM_INFO, (struct shmid_ds *)&info) < 0) die("shmctl");
  printf("segments: %d\n", info.used_ids);
  SHOW("huge segment", shmget(IPC_PRIVATE, kHuge, SHM_HUGETLB | 0600));
}

static void top(void) {
  char *own = (char *)0x6f6e7a600000;  // docs/machine-host.md
  SHOW_ADDRESS("the machine's own range", mmap(own, kPage, PROT_NONE, kPrivate | MAP_FIXED, -1, 0));
  char *hint = mmap(own, kPage, PROT_NONE, kPrivate, -1, 0);
  printf("as a hint: %d\n", hint == own);
}

static void proc(void) {
  const int clear = open("/proc/self/clear_refs", O_WRONLY), pagemap = open("/proc/self/pagemap", O_RDONLY);
  char *area = map(kPage, kPrivate), line[64];
  SHOW("clear soft-dirty bits", write(clear, "4", 1));
  area[0] = 1;
  unsigned long entry = 0;
  if (pread(pagemap, &entry, sizeof entry, (off_t)((unsigned long)area / kPage * sizeof entry)) < 0) die("pagemap");
  printf("soft-dirty: %lu, sd: %d\n", entry >> 55 & 1, proc_has("/proc/self/smaps", " sd"));

  char *block = (char *)(((unsigned long)map(64 * kPage, kPrivate) + 16 * kPage) & ~(16UL * kPage - 1));
  memset(block, 1, 16 * kPage);
  munmap(block - kPage, kPage), munmap(block + 16 * kPage, kPage);
  SHOW("clear accessed bits", write(clear, "1", 1));
  printf("referenced: %ld kB,", figure_of_area(block, "Referenced:"));
  block[5 * kPage] = 2;
  printf(" then %ld kB\n", figure_of_area(block, "Referenced:"));
  const int maps = open("/proc/self/maps", O_RDONLY);
  static char text[1 << 16];
  if (read(maps, text, 1) != 1) die("maps");
  mprotect(block + 8 * kPage, kPage, PROT_READ);
  ssize_t size = 1;
  for (ssize_t got = 0; (got = read(maps, text + size, sizeof text - 1 - (size_t)size)) > 0;) size += got;
  snprintf(line, sizeof line, "%lx-", (unsigned long)block + 8 * kPage);
  printf("a later area in a text that was begun: %d\n", strstr(text, line) != NULL);
  printf("lists of a second processor: %d\n", proc_has("/proc/zoneinfo", " cpu: 1"));
  SHOW("map_files", open("/proc/self/map_files", O_RDONLY));
  SHOW("kpagecount", open("/proc/kpagecount", O_RDONLY));
  printf("lazily free: %ld kB, huge pages allowed: %ld, vsyscall: %d\n", figure_of_area(block, "LazyFree:"),
         figure("/proc/self/status", NULL, "THP_enabled:"), proc_has("/proc/self/maps", "[vsyscall]"));
  printf("MemTotal: %ld kB\n", figure("/proc/meminfo", NULL, "MemTotal:"));
  printf("paged out: %ld, compacted: %ld\n", figure("/proc/vmstat", NULL, "pgsteal_kswapd "),
         figure("/proc/vmstat", NULL, "compact_success "));
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  placement();
  huge_pages();
  advice();
  names_and_policies();
  fault_around();
  segments();
  top();
  proc();
  return 0;
}
