// The vDSO: its symbols, found as vdso(7) says; clocks that never go backwards, whichever way they are read; and its areas.
//   vdso          clocks: the same lines whether or not there is a vDSO
//   vdso areas    what can be done with [vvar] and [vdso], which must be there
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

typedef int (*GetTime)(clockid_t, struct timespec *);
typedef int (*GetTimeOfDay)(struct timeval *, void *);
typedef time_t (*Time)(time_t *);
typedef long (*GetCpu)(unsigned *, unsigned *, void *);

// --- Symbols, by DT_HASH and with their version ---

struct Image {
  const char *base, *strings;
  const Elf64_Sym *symbols;
  const uint32_t *hash;
  const uint16_t *versions;
  const Elf64_Verdef *definitions;
};

static struct Image open_image(uintptr_t header) {
  struct Image image = {.base = (const char *)header};
  const Elf64_Ehdr *elf = (const Elf64_Ehdr *)header;
  const Elf64_Phdr *program = (const Elf64_Phdr *)(image.base + elf->e_phoff);
  const Elf64_Dyn *dynamic = NULL;
  uint64_t first = 0;
  for (int i = 0; i < elf->e_phnum; ++i) {
    if (program[i].p_type == PT_LOAD) first = program[i].p_vaddr - program[i].p_offset;
    if (program[i].p_type == PT_DYNAMIC) dynamic = (const void *)(image.base + program[i].p_offset);
  }
  const char *bias = image.base - first;
  for (; dynamic->d_tag != DT_NULL; ++dynamic) {
    const void *at = bias + dynamic->d_un.d_ptr;
    switch (dynamic->d_tag) {
      case DT_STRTAB: image.strings = at; break;
      case DT_SYMTAB: image.symbols = at; break;
      case DT_HASH: image.hash = at; break;
      case DT_VERSYM: image.versions = at; break;
      case DT_VERDEF: image.definitions = at; break;
      case DT_RELA: case DT_REL: puts("the vDSO has relocations"); break;
    }
  }
  return image;
}

static const char *version_of(const struct Image *image, uint16_t index) {
  const Elf64_Verdef *def = image->definitions;
  for (;; def = (const void *)((const char *)def + def->vd_next)) {
    if (def->vd_ndx == (index & 0x7fff)) {
      return image->strings + ((const Elf64_Verdaux *)((const char *)def + def->vd_aux))->vda_name;
    }
    if (def->vd_next == 0) return "";
  }
}

static uint32_t elf_hash(const char *name) {
  uint32_t h = 0;
  for (; *name != 0; ++name) {
    h = (h << 4) + (unsigned char)*name;
    h ^= h >> 24 & 0xf0;
  }
  return h & 0x0fffffff;
}

static void *look_up(const struct Image *image, const char *name) {
  const uint32_t buckets = image->hash[0];
  uint32_t index = image->hash[2 + elf_hash(name) % buckets];
  for (; index != 0; index = image->hash[2 + buckets + index]) {
    const Elf64_Sym *symbol = &image->symbols[index];
    if (strcmp(image->strings + symbol->st_name, name) != 0 || symbol->st_shndx == SHN_UNDEF) continue;
    if (strcmp(version_of(image, image->versions[index]), "LINUX_2.6") != 0) continue;
    return (void *)(image->base + symbol->st_value);
  }
  printf("%s: not in the vDSO\n", name);
  return NULL;
}

static int call_time(clockid_t clock, struct timespec *out) {
  return syscall(SYS_clock_gettime, clock, out) == 0 ? 0 : -errno;
}
static int call_resolution(clockid_t clock, struct timespec *out) {
  return syscall(SYS_clock_getres, clock, out) == 0 ? 0 : -errno;
}
static int call_time_of_day(struct timeval *out, void *zone) {
  return syscall(SYS_gettimeofday, out, zone) == 0 ? 0 : -errno;
}
static time_t call_seconds(time_t *out) { return syscall(SYS_time, out); }
static long call_cpu(unsigned *cpu, unsigned *node, void *unused) {
  return syscall(SYS_getcpu, cpu, node, unused) == 0 ? 0 : -errno;
}

static GetTime get_time = call_time, get_resolution = call_resolution;
static GetTimeOfDay get_time_of_day = call_time_of_day;
static Time get_seconds = call_seconds;
static GetCpu get_cpu = call_cpu;

// An i386 program's has other symbols.
static void find_symbols(void) {
  const uintptr_t header = getauxval(AT_SYSINFO_EHDR);
  if (header == 0 || sizeof(void *) == 4) return;
  const struct Image image = open_image(header);
  get_time = (GetTime)look_up(&image, "__vdso_clock_gettime");
  get_resolution = (GetTime)look_up(&image, "__vdso_clock_getres");
  get_time_of_day = (GetTimeOfDay)look_up(&image, "__vdso_gettimeofday");
  get_seconds = (Time)look_up(&image, "__vdso_time");
  get_cpu = (GetCpu)look_up(&image, "__vdso_getcpu");
}

// --- Clocks ---

static int64_t nanoseconds(GetTime get, clockid_t clock) {
  struct timespec time;
  if (get(clock, &time) != 0) die("clock");
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static const struct {
  clockid_t id;
  const char *name;
} kClocks[] = {{CLOCK_REALTIME, "REALTIME"}, {CLOCK_MONOTONIC, "MONOTONIC"},
               {CLOCK_MONOTONIC_RAW, "MONOTONIC_RAW"}, {CLOCK_BOOTTIME, "BOOTTIME"},
               {CLOCK_TAI, "TAI"}, {CLOCK_MONOTONIC_COARSE, "MONOTONIC_COARSE"},
               {CLOCK_REALTIME_COARSE, "REALTIME_COARSE"}};
enum { kClockCount = sizeof kClocks / sizeof *kClocks, kThreads = 3 };
static _Atomic int64_t latest[kClockCount];
static atomic_int backwards[kClockCount];

// What a thread reads is not before what any thread has read, by either way.
static void *race(void *number) {
  const int64_t end = nanoseconds(call_time, CLOCK_MONOTONIC) + 40000000;
  for (unsigned i = (unsigned)(uintptr_t)number; nanoseconds(get_time, CLOCK_MONOTONIC) < end; ++i) {
    for (int c = 0; c < kClockCount; ++c) {
      const int64_t before = atomic_load(&latest[c]);
      const int64_t now = nanoseconds((i + (unsigned)c) % 5 == 0 ? call_time : get_time, kClocks[c].id);
      if (now < before) atomic_fetch_add(&backwards[c], 1);
      int64_t seen = before;
      while (seen < now && !atomic_compare_exchange_weak(&latest[c], &seen, now)) {}
    }
  }
  return NULL;
}

static void show_order(void) {
  pthread_t threads[kThreads];
  for (uintptr_t i = 0; i < kThreads; ++i) pthread_create(&threads[i], NULL, race, (void *)i);
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  for (int c = 0; c < kClockCount; ++c) printf("%s went backwards: %d\n", kClocks[c].name, backwards[c]);
}

static void show_agreement(void) {
  for (int c = 0; c < kClockCount; ++c) {
    int wrong = 0;
    for (int i = 0; i < 300; ++i) {
      const int64_t before = nanoseconds(call_time, kClocks[c].id);
      const int64_t between = nanoseconds(get_time, kClocks[c].id);
      const int64_t after = nanoseconds(call_time, kClocks[c].id);
      wrong += between < before || between > after;
    }
    struct timespec ours, theirs;
    const int same = get_resolution(kClocks[c].id, &ours) == call_resolution(kClocks[c].id, &theirs);
    printf("%s: out of order %d, resolution %d\n", kClocks[c].name, wrong,
           same && ours.tv_sec == theirs.tv_sec && ours.tv_nsec == theirs.tv_nsec);
  }
  const int64_t coarse = nanoseconds(get_time, CLOCK_MONOTONIC_COARSE);
  printf("coarse is behind: %d\n", coarse <= nanoseconds(get_time, CLOCK_MONOTONIC));
}

static void show_seconds(void) {
  struct timeval day;
  const time_t call = call_seconds(NULL);
  time_t stored = 0;
  const time_t seconds = get_seconds(&stored);
  get_time_of_day(&day, NULL);
  printf("seconds: %d %d %d\n", seconds >= call, stored == seconds, day.tv_sec >= seconds);
  printf("microseconds: %d\n", day.tv_usec >= 0 && day.tv_usec < 1000000);
  struct timezone zone = {1, 1}, called = {2, 2};
  get_time_of_day(NULL, &zone), call_time_of_day(NULL, &called);
  printf("zone: %d\n", zone.tz_minuteswest == called.tz_minuteswest && zone.tz_dsttime == called.tz_dsttime);
  SHOW("nothing asked", get_time_of_day(NULL, NULL));

  // Files are never older than what time() said before.
  int older = 0;
  for (int i = 0; i < 50; ++i) {
    struct stat status;
    const time_t before = get_seconds(NULL);
    const int fd = memfd_create("stamp", 0);
    fstat(fd, &status);
    older += status.st_mtim.tv_sec < before;
    close(fd);
  }
  printf("older files: %d\n", older);
}

static void show_sleep(void) {
  struct timespec time;
  get_time(CLOCK_MONOTONIC, &time);
  int early = 0;
  for (int i = 0; i < 5; ++i) {
    time.tv_nsec += 300000;
    if (time.tv_nsec >= 1000000000) time.tv_nsec -= 1000000000, ++time.tv_sec;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
    early += nanoseconds(get_time, CLOCK_MONOTONIC) < time.tv_sec * 1000000000LL + time.tv_nsec;
  }
  printf("woken too early: %d\n", early);
}

static int show_clocks(void) {
  find_symbols();
  show_order();
  show_agreement();
  show_seconds();
  show_sleep();
  struct timespec time;
  printf("no clock: %d %d\n", get_time(77, &time), get_resolution(77, &time));
  printf("process's clock: %d\n", nanoseconds(get_time, CLOCK_PROCESS_CPUTIME_ID) > 0);
  printf("no address: %d %d\n", get_time(CLOCK_PROCESS_CPUTIME_ID, NULL), get_resolution(CLOCK_MONOTONIC, NULL));
  unsigned cpu = 12345, node = 12345;
  const long got = get_cpu(&cpu, &node, NULL);
  printf("processor: %ld %d %d\n", got, cpu < (unsigned)sysconf(_SC_NPROCESSORS_CONF), node < 64);
  printf("nothing asked: %ld\n", get_cpu(NULL, NULL, NULL));
  const pid_t child = fork();
  if (child == 0) _exit(nanoseconds(get_time, CLOCK_MONOTONIC) < latest[1]);
  int status;
  waitpid(child, &status, 0);
  printf("child: %d\n", status);
  return 0;
}

// --- Areas ---

static sigjmp_buf after_fault;
static void on_fault(int signal, siginfo_t *info, void *context) {
  (void)context;
  siglongjmp(after_fault, signal * 1000 + info->si_code);
}
enum Touch { kReads, kWrites };
static int touch(volatile char *at, enum Touch how) {
  const int fault = sigsetjmp(after_fault, 1);
  if (fault != 0) return fault;
  const char byte = *at;
  if (how == kWrites) *at = byte;
  return 0;
}

static char *start;
static size_t size;
static int find_area(const char *name) {
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[300];
  int found = 0;
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long from, to;
    char protection[8];
    if (strstr(line, name) == NULL || sscanf(line, "%lx-%lx %7s", &from, &to, protection) != 3) continue;
    start = (char *)from, size = to - from, found = 1;
    printf("%s %s\n", name, protection);
  }
  fclose(maps);
  return found;
}

static void show_flags(const char *name) {
  FILE *smaps = fopen("/proc/self/smaps", "r");
  char line[300];
  int inside = 0;
  while (fgets(line, sizeof line, smaps) != NULL) {
    if (strchr(line, '-') != NULL && strstr(line, "00:00 0 ") != NULL) inside = strstr(line, name) != NULL;
    else if (strchr(line, '/') != NULL) inside = 0;
    if (inside && (strncmp(line, "Rss:", 4) == 0 || strncmp(line, "VmFlags:", 8) == 0)) fputs(line, stdout);
  }
  fclose(smaps);
}

// Each in a child of its own.
#define TRY(name, expression)      \
  do {                             \
    fflush(stdout);                \
    const pid_t try_child = fork(); \
    if (try_child == 0) {          \
      SHOW_ADDRESS(name, expression); \
      fflush(stdout);              \
      _exit(0);                    \
    }                              \
    waitpid(try_child, NULL, 0);   \
  } while (0)

static int protect(int protection) {
  if (mprotect(start, size, protection) != 0) return -1;
  const int reads = touch(start, kReads), writes = touch(start, kWrites);
  printf("after mprotect %d: %d %d\n", protection, reads, writes);
  return 0;
}

static void *moved(size_t length, size_t new_length, int flags) {
  char *to = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void *at = mremap(start, length, new_length, MREMAP_MAYMOVE | flags, to);
  if (at != MAP_FAILED && (flags & MREMAP_FIXED) != 0) printf("there: %d\n", touch(at, kReads));
  return at;
}

static void show_calls(void) {
  const size_t page = 4096;
  printf("touch: %d %d\n", touch(start, kReads), touch(start, kWrites));
  char bytes[16];
  struct iovec here = {bytes, sizeof bytes}, there = {start, sizeof bytes};
  SHOW("process_vm_readv", process_vm_readv(getpid(), &here, 1, &there, 1, 0));
  const int memory = open("/proc/self/mem", O_RDWR), file = memfd_create("copy", 0);
  SHOW("read mem", pread(memory, bytes, sizeof bytes, (off_t)start));
  SHOW("write from it", write(file, start, 16));
  unsigned char core[16];
  SHOW("mincore", mincore(start, size, core));
  for (size_t i = 0; i < size / page; ++i) if (core[i] != 1) printf("page %zu: not in core\n", i);

  for (int protection = 0; protection < 8; ++protection) TRY("mprotect", protect(protection));
  TRY("mprotect a part", mprotect(start, page, PROT_NONE));
  TRY("munmap a part", munmap(start, page));
  TRY("munmap the rest", munmap(start + page, size - page));
  TRY("munmap", munmap(start, size));
  TRY("mmap over a part", mmap(start, page, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  TRY("mmap over it", mmap(start, size, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  TRY("grow", moved(size, size + page, 0));
  TRY("shrink", moved(size, size - page, 0));
  TRY("copy", moved(0, size, 0));
  TRY("leave", moved(size, size, MREMAP_DONTUNMAP));
  TRY("move a part", moved(page, page, MREMAP_FIXED));
  TRY("move and shrink", moved(size, page, MREMAP_FIXED));
  TRY("move", moved(size, size, MREMAP_FIXED));
  TRY("mlock", mlock(start, size));
  TRY("msync", msync(start, size, MS_SYNC));
  static const int kAdvice[] = {MADV_NORMAL, MADV_RANDOM, MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_DONTFORK,
                                MADV_DOFORK, MADV_MERGEABLE, MADV_DODUMP, MADV_WIPEONFORK, MADV_COLD,
                                MADV_PAGEOUT, MADV_POPULATE_READ, MADV_POPULATE_WRITE, 102, 103};
  for (size_t i = 0; i < sizeof kAdvice / sizeof *kAdvice; ++i) {
    char name[40];
    snprintf(name, sizeof name, "advice %d", kAdvice[i]);
    TRY(name, madvise(start, size, kAdvice[i]));
    TRY("of a part", madvise(start, page, kAdvice[i]));
  }
}

static int show_areas(void) {
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  static const char *kAreas[] = {"[vvar]", "[vdso]"};
  for (int i = 0; i < 2; ++i) {
    if (!find_area(kAreas[i])) die(kAreas[i]);
    show_calls();
    show_flags(kAreas[i]);
  }
  printf("header: %d\n", getauxval(AT_SYSINFO_EHDR) == (uintptr_t)start);
  // A debugger's write makes a copy; the next fork's child has it too.
  const int memory = open("/proc/self/mem", O_RDWR);
  SHOW("write mem", pwrite(memory, "\177", 1, (off_t)start));
  show_flags("[vdso]");
  return 0;
}

int main(int argc, char **argv) {
  (void)argv;
  return argc > 1 ? show_areas() : show_clocks();
}
