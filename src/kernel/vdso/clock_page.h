/* What the vDSO's code reads: the frame behind [vvar], which the runner writes
   (kernel/vdso_clock.h). Linux: struct vdso_time_data. Read by C, freestanding, and by C++. */
#pragma once

#include <stdint.h>

/* [vvar], [vvar_vclock] and [vdso] lie one after the other, as large as on Linux 6.18, so that what
   is mapped below them lies where it does there. */
#define GONZO_VVAR_PAGES 4
#define GONZO_VCLOCK_PAGES 2
#define GONZO_VDSO_PAGES 2

/* Clocks by their CLOCK_ numbers; those that are computed in another way stay empty. */
#define GONZO_CLOCKS 12

/* REALTIME as files are stamped with, and as time(2) counts, follows the exact one by a tick or a
   delayed one. */
#define GONZO_COARSE_LAG_NS 20000000

/* Time at tick `start`. */
struct gonzo_clock_base {
  uint64_t seconds;
  uint64_t nanoseconds; /* 32.32 */
};

struct gonzo_clock_lines {
  uint64_t start;     /* of the time-stamp counter */
  uint64_t window;    /* ticks for which the lines hold; 0: they do not */
  uint64_t slope;     /* nanoseconds a tick, 32.32 */
  uint64_t raw_slope; /* CLOCK_MONOTONIC_RAW's */
  struct gonzo_clock_base bases[GONZO_CLOCKS];
};

struct gonzo_clock_page {
  uint32_t sequence;      /* odd while the rest is being written */
  uint32_t resolution_ns; /* clock_getres of the clocks that have a line; 0: not yet known */
  uint32_t tick_ns;       /* of the coarse ones */
  struct gonzo_clock_lines lines;
};

struct gonzo_clock_time {
  uint64_t seconds;
  uint32_t nanoseconds;
};

enum { GONZO_CLOCK_REALTIME = 0, GONZO_CLOCK_MONOTONIC = 1, GONZO_CLOCK_MONOTONIC_RAW = 4 };

/* `elapsed` < window, so that nothing overflows; hardly ever more than one second is carried. */
static inline struct gonzo_clock_time gonzo_clock_at(const struct gonzo_clock_lines* lines,
                                                     unsigned clock, uint64_t elapsed) {
  const struct gonzo_clock_base* base = &lines->bases[clock];
  const uint64_t slope = clock == GONZO_CLOCK_MONOTONIC_RAW ? lines->raw_slope : lines->slope;
  uint64_t nanoseconds = (base->nanoseconds + elapsed * slope) >> 32;
  struct gonzo_clock_time time;
  time.seconds = base->seconds;
  for (; nanoseconds >= 1000000000; nanoseconds -= 1000000000) ++time.seconds;
  time.nanoseconds = nanoseconds & 0xffffffff;
  return time;
}

/* Clocks that have a line. */
static inline int gonzo_clock_has_line(unsigned clock) {
  const unsigned kWithLine = 1U << 0 | 1U << 1 | 1U << 4 | 1U << 7 | 1U << 11;
  return clock < GONZO_CLOCKS && (kWithLine >> clock & 1) != 0;
}

/* CLOCK_MONOTONIC_COARSE: the exact one as of its last tick. Nothing else shows where ticks begin.
 */
static inline void gonzo_clock_to_tick(struct gonzo_clock_time* time, uint32_t tick_ns) {
  time->nanoseconds -= time->nanoseconds % tick_ns;
}
