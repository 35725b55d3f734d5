/* The vDSO of x86-64 guests: vdso(7). Runs in guest mode, with nothing but itself and the clock
   page. Linux: lib/vdso/gettimeofday.c, arch/x86/entry/vdso. */
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "kernel/vdso/clock_page.h"

#define EXPORT __attribute__((visibility("default")))
#define ALIAS(of) __attribute__((weak, visibility("default"), alias(of)))

/* Where vdso.lds says that [vvar] begins. */
extern const volatile struct gonzo_clock_page gonzo_vvar __attribute__((visibility("hidden")));

static long call(long number, long first, long second) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(first), "S"(second)
                   : "rcx", "r11", "memory");
  return result;
}

/* Not before what was read before it. */
static inline uint64_t read_ticks(void) {
  uint32_t low, high;
  __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
  return (uint64_t)high << 32 | low;
}

/* The sequence, read after the counter was: what is read next waits for what its address is
   computed from. A fence would do, at a quarter of the whole price. */
static inline uint32_t sequence_after(uint64_t ticks) {
  __asm__ volatile("andl $0, %k0" : "+r"(ticks) : : "cc", "memory");
  return __atomic_load_n(&gonzo_vvar.sequence + ticks, __ATOMIC_RELAXED);
}

enum outcome { kRead, kAsk };

/* kAsk: the lines are too old, or are being written for long. The call brings them up to date. */
static inline enum outcome read_clock(unsigned clock, struct gonzo_clock_time* time) {
  enum { kPatience = 1000 };
  for (int i = 0; i < kPatience; ++i) {
    const uint32_t sequence = __atomic_load_n(&gonzo_vvar.sequence, __ATOMIC_ACQUIRE);
    if ((sequence & 1) != 0) {
      __asm__ volatile("pause");
      continue;
    }
    const struct gonzo_clock_lines* lines = (const struct gonzo_clock_lines*)&gonzo_vvar.lines;
    const uint64_t ticks = read_ticks();
    const uint64_t elapsed = ticks - lines->start;
    const uint64_t window = lines->window;
    if (elapsed < window) *time = gonzo_clock_at(lines, clock, elapsed);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (sequence_after(ticks) != sequence) continue;
    return elapsed < window ? kRead : kAsk;
  }
  return kAsk;
}

static inline enum outcome read_any_clock(unsigned clock, struct gonzo_clock_time* time) {
  if (gonzo_clock_has_line(clock)) return read_clock(clock, time);
  if (clock != CLOCK_MONOTONIC_COARSE) return kAsk;
  const uint32_t tick = gonzo_vvar.tick_ns;
  if (tick == 0 || read_clock(CLOCK_MONOTONIC, time) == kAsk) return kAsk;
  gonzo_clock_to_tick(time, tick);
  return kRead;
}

EXPORT int __vdso_clock_gettime(clockid_t clock, struct timespec* out) {
  struct gonzo_clock_time time;
  if (read_any_clock((unsigned)clock, &time) == kAsk) {
    return (int)call(SYS_clock_gettime, clock, (long)out);
  }
  out->tv_sec = (time_t)time.seconds;
  out->tv_nsec = time.nanoseconds;
  return 0;
}

EXPORT int __vdso_gettimeofday(struct timeval* out, void* zone) {
  struct gonzo_clock_time time;
  if (out == NULL || zone != NULL || read_clock(CLOCK_REALTIME, &time) == kAsk) {
    return (int)call(SYS_gettimeofday, (long)out, (long)zone);
  }
  out->tv_sec = (time_t)time.seconds;
  out->tv_usec = time.nanoseconds / 1000;
  return 0;
}

/* Seconds as files are stamped with them: just after one began, only the host knows whether its
   tick has told so already. */
EXPORT time_t __vdso_time(time_t* out) {
  struct gonzo_clock_time time;
  if (read_clock(CLOCK_REALTIME, &time) == kAsk || time.nanoseconds < GONZO_COARSE_LAG_NS) {
    return call(SYS_time, (long)out, 0);
  }
  if (out != NULL) *out = (time_t)time.seconds;
  return (time_t)time.seconds;
}

EXPORT int __vdso_clock_getres(clockid_t clock, struct timespec* out) {
  const int is_coarse = clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE;
  const uint32_t resolution = is_coarse                               ? gonzo_vvar.tick_ns
                              : gonzo_clock_has_line((unsigned)clock) ? gonzo_vvar.resolution_ns
                                                                      : 0;
  if (resolution == 0) return (int)call(SYS_clock_getres, clock, (long)out);
  if (out != NULL) {
    out->tv_sec = 0;
    out->tv_nsec = resolution;
  }
  return 0;
}

/* The host keeps both numbers in the limit of a segment (Linux: GDT_ENTRY_CPUNODE). */
EXPORT long __vdso_getcpu(unsigned* cpu, unsigned* node, void* unused) {
  enum { kCpuNodeSelector = 15 * 8 + 3, kCpuBits = 12 };
  unsigned limit;
  (void)unused;
  __asm__ volatile("lsl %1, %0" : "=r"(limit) : "r"(kCpuNodeSelector) : "cc");
  if (cpu != NULL) *cpu = limit & ((1U << kCpuBits) - 1);
  if (node != NULL) *node = limit >> kCpuBits;
  return 0;
}

int clock_gettime(clockid_t clock, struct timespec* out) ALIAS("__vdso_clock_gettime");
int clock_getres(clockid_t clock, struct timespec* out) ALIAS("__vdso_clock_getres");
int gettimeofday(struct timeval* restrict out, void* restrict zone) ALIAS("__vdso_gettimeofday");
time_t time(time_t* out) ALIAS("__vdso_time");
long getcpu(unsigned* cpu, unsigned* node, void* unused) ALIAS("__vdso_getcpu");
