// Stores into what the machine keeps in a guest's process, and jumps into it.
//   storm_stub SEED WORKERS
#include <setjmp.h>
#include <sys/syscall.h>

#include "storm.h"

#ifdef __x86_64__
// As src/machine/host/stub/mailbox.h has them.
static const uintptr_t kText = 0x6f6e7a600000, kSlots = 0x6f6e7a610000;
static const uintptr_t kTextBytes = 0x1000, kSlotBytes = 0x8000;
#else
static const uintptr_t kText = 0xfffee000, kSlots = 0xfffee000;
static const uintptr_t kTextBytes = 0x1000, kSlotBytes = 0x1000;
#endif
// Slots are given out in order: one of the first is a worker's own.
enum { kSlotsToTry = 24 };

static sigjmp_buf not_there;

static void on_fault(int signal) {
  (void)signal;
  siglongjmp(not_there, 1);
}

// The thread's own slot: others are not mapped. 0: none was found.
static uintptr_t find_slot(void) {
  struct sigaction action = {.sa_handler = on_fault};
  sigaction(SIGSEGV, &action, NULL);
  volatile uintptr_t found = 0;
  for (volatile uintptr_t i = 0; i < kSlotsToTry && found == 0; i++) {
    if (sigsetjmp(not_there, 1) != 0) continue;
    (void)*(volatile char*)(kSlots + i * kSlotBytes);
    found = kSlots + i * kSlotBytes;
  }
  signal(SIGSEGV, SIG_DFL);
  return found;
}

static void store_at_random(uintptr_t slot, uint64_t seed) {
  // The mailbox's head is where most of what is read lies; the rest is the signal stack.
  const uintptr_t within = storm_random(&seed) % 2 == 0 ? 256 : kSlotBytes;
  for (int i = 0; i < 64; i++) {
    const uintptr_t offset = storm_random(&seed) % within & ~(uintptr_t)7;
    *(volatile uint64_t*)(slot + offset) = i % 5 == 0 ? 0 : storm_random(&seed);
    if (storm_random(&seed) % 8 == 0) syscall(SYS_getppid);
  }
  syscall(SYS_getppid);
}

static void jump_in(uintptr_t slot, uint64_t seed) {
  typedef void (*Inside)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t);
  const Inside inside = (Inside)(kText + (uintptr_t)(storm_random(&seed) % kTextBytes));
  inside(slot, storm_random(&seed) % 16, slot + storm_random(&seed) % kSlotBytes,
         storm_random(&seed), slot);
}

static void run(uint64_t seed) {
  const uintptr_t slot = find_slot();
  if (storm_random(&seed) % 3 == 0)
    jump_in(slot, seed);
  else if (slot != 0)
    store_at_random(slot, seed);
}

static uint64_t patience_us(uint64_t seed) {
  (void)seed;
  return 300000;
}

int main(int count, char** arguments) {
  const struct Storm storm = {run, patience_us};
  return storm_main(&storm, count, arguments);
}
