// Garbage in every argument of every system call, by the native table and by `int 0x80`.
//   storm_calls SEED WORKERS
// Calls that are right by accident have effect: tests/cli/storm.sh confines them.
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#include "storm.h"

enum { kCalls = 250, kNumbers = 470, kPages = 8 };

typedef unsigned long Word;
static const Word kPage = kStormPage;

// Made before the storm, which uses nothing of the C library: its thread pointer may go.
static char* pages;  // below 4 GiB, for int 0x80
static Word signal_action[8];
static struct itimerval tick = {{0, 3000}, {0, 3000}};

enum Table { kNative, kI386 };

// What must not be done by accident, though the user may do it.
enum Role { kPlain, kSkipped, kKills, kForks, kEnds };

struct Special {
  short native, legacy;
  enum Role role;
};
static const struct Special kSpecial[] = {
    {162, 36, kSkipped},  // sync: would only keep others waiting
    {62, 37, kKills},     // kill
    {200, 238, kKills},   // tkill
    {234, 270, kKills},   // tgkill
    {129, 178, kKills},   // rt_sigqueueinfo
    {297, 335, kKills},   // rt_tgsigqueueinfo
    {311, 348, kKills},   // process_vm_writev
    {302, 340, kKills},   // prlimit64
    {57, 2, kForks},      // fork
    {58, 190, kForks},    // vfork
    {56, 120, kForks},    // clone
    {435, 435, kForks},   // clone3
    {60, 1, kEnds},       // exit
    {231, 252, kEnds},    // exit_group
    {15, 173, kEnds},     // rt_sigreturn
    {-1, 119, kEnds},     // sigreturn
};

// A number of the build's own table, or of i386's.
#ifdef __x86_64__
static short number_in(const struct Special* special, enum Table table) {
  return table == kNative ? special->native : special->legacy;
}

// After a fork the child only ends, wherever its stack is.
static long call_native(Word number, const Word* a) {
  register Word r10 __asm__("r10") = a[3];
  register Word r8 __asm__("r8") = a[4];
  register Word r9 __asm__("r9") = a[5];
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

static long fork_native(Word number, const Word* a) {
  register Word r10 __asm__("r10") = a[3];
  register Word r8 __asm__("r8") = a[4];
  register Word r9 __asm__("r9") = a[5];
  long result;
  __asm__ volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "mov $60, %%eax\n\t"
      "xor %%edi, %%edi\n\t"
      "syscall\n"
      "1:"
      : "=a"(result)
      : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
      : "rcx", "r11", "memory");
  return result;
}

#define CALL_I386(after)                                                   \
  register Word bp __asm__("r12") = a[5];                                  \
  long result;                                                             \
  __asm__ volatile(                                                        \
      "xchg %%rbp, %%r12\n\t"                                              \
      "int $0x80\n\t" after "xchg %%rbp, %%r12"                            \
      : "=a"(result), "+r"(bp)                                             \
      : "a"(number), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4]) \
      : "r8", "r9", "r10", "r11", "memory");                               \
  return result
#else
static short number_in(const struct Special* special, enum Table table) {
  (void)table;
  return special->legacy;
}
static Word argument_6;
#define CALL_I386(after)                                                                          \
  long result;                                                                                    \
  argument_6 = a[5];                                                                              \
  __asm__ volatile(                                                                               \
      "push %%ebp\n\t"                                                                            \
      "mov %[six], %%ebp\n\t"                                                                     \
      "int $0x80\n\t" after "pop %%ebp"                                                           \
      : "=a"(result)                                                                              \
      : "a"(number), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4]), [six] "m"(argument_6) \
      : "memory");                                                                                \
  return result
#endif

static long call_i386(Word number, const Word* a) { CALL_I386(""); }
static long fork_i386(Word number, const Word* a) {
  CALL_I386(
      "test %%eax, %%eax\n\t"
      "jnz 1f\n\t"
      "mov $1, %%eax\n\t"
      "xor %%ebx, %%ebx\n\t"
      "int $0x80\n"
      "1:\n\t");
}
#ifndef __x86_64__
static long call_native(Word number, const Word* a) { return call_i386(number, a); }
static long fork_native(Word number, const Word* a) { return fork_i386(number, a); }
#endif

static Word pick_pointer(uint64_t* random) {
  static const Word kElsewhere[] = {
      0,
      1,
      0xfff,
      (Word)-1,
      (Word)-4096,
      0xc0000000,
#ifdef __x86_64__
      0x7ffffffff000,
      0x7fffffffe000,
      0x800000000000,
      0xffff800000000000,
      0x6f6e7a600000,
      0x6f6e7a618000,
      0x100000000,
      0xfffee000,
#endif
  };
  const uint64_t dice = storm_random(random);
  if (dice % 8 == 0) return kElsewhere[dice / 8 % (sizeof kElsewhere / sizeof *kElsewhere)];
  if (dice % 64 == 1) return (Word)&pick_pointer;
  if (dice % 64 == 2) return (Word)&dice;
  const Word page = (Word)pages + dice / 64 % kPages * kPage;
  switch (dice / 8 % 4) {
    case 0:
      return page;
    case 1:
      return page + dice / 1024 % 64 * 64;  // the texts of the second page
    case 2:
      return page + kPage - dice / 1024 % 32;
    default:
      return page + dice / 1024 % kPage;
  }
}

static Word pick_value(uint64_t* random) {
  const uint64_t dice = storm_random(random);
  const Word more = (Word)(dice >> 8);
  switch (dice % 16) {
    case 0:
    case 1:
    case 2:
      return more % 20;
    case 3:
      return -(more % 110);
    case 4:
    case 5:
      return more % 48;  // descriptors, among others
    case 6:
      return (Word)1 << more % (8 * sizeof(Word));
    case 7:
      return ((Word)1 << more % 31) | ((Word)1 << more / 32 % 31);
    case 8:
      return (more % 64) * kPage;
    case 9:
      return ((Word)1 << more % 31) - 1 + more / 32 % 3;
    case 10:
      return (Word)storm_random(random);
    default:
      return pick_pointer(random);
  }
}

// Structures of plausible words, as a table's and as i386's; texts stay.
static void fill(uint64_t* random) {
  Word* words = (Word*)pages;
  uint32_t* halves = (uint32_t*)(pages + kPage / 2);
  for (int i = 0; i < 48; i++) words[i] = pick_value(random);
  for (int i = 0; i < 48; i++) halves[i] = (uint32_t)pick_value(random);
}

static enum Role role_of(Word number, enum Table table) {
  for (size_t i = 0; i < sizeof kSpecial / sizeof *kSpecial; i++)
    if (number == (Word)number_in(&kSpecial[i], table)) return kSpecial[i].role;
  return kPlain;
}

static void one_call(uint64_t* random, Word self) {
  const enum Table table = storm_random(random) % 3 == 0 ? kI386 : kNative;
  Word number = storm_random(random) % kNumbers, a[6];
  if (storm_random(random) % 64 == 0) number = pick_value(random);
  for (int i = 0; i < 6; i++) a[i] = pick_value(random);
  const enum Role role = role_of(number, table);
  if (role == kSkipped) return;
  if (role == kEnds && storm_random(random) % 32 != 0) return;
  // The others are to see the end.
  if (role == kKills) a[0] = self;
  if (role == kForks)
    (table == kNative ? fork_native : fork_i386)(number, a);
  else
    (table == kNative ? call_native : call_i386)(number, a);
}

// Who waits for ever is interrupted, if it has not seen to it that it cannot be.
static void tick_again(void) {
  static const uint64_t none = 0;
  const Word action[6] = {SIGALRM, (Word)signal_action, 0, 8};
  const Word mask[6] = {SIG_SETMASK, (Word)&none, 0, 8};
  const Word timer[6] = {ITIMER_REAL, (Word)&tick, 0};
  call_native(SYS_rt_sigaction, action);
  call_native(SYS_rt_sigprocmask, mask);
  call_native(SYS_setitimer, timer);
}

static void on_alarm(int signal) { (void)signal; }

static void make_pages(void) {
  static const char* const kTexts[] = {
      "a",
      "b",
      "d/e",
      "d",
      "",
      ".",
      "/proc/self/maps",
      "/proc/self/mem",
      "/proc/self/exe",
      "/proc/self/fd/3",
      "no/such/place",
      "%s%n",
  };
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef __x86_64__
  flags |= MAP_32BIT;
#endif
  pages = mmap(NULL, (kPages + 1) * kPage, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (pages == MAP_FAILED) die("mmap");
  memset(pages, 0, (kPages + 1) * kPage);
  for (size_t i = 0; i < 64; i++)
    strcpy(pages + kPage + i * 64, kTexts[i % (sizeof kTexts / sizeof *kTexts)]);
  memset(pages + 2 * kPage, 'x', kPage);  // a text without end before the next page
  mprotect(pages + 3 * kPage, kPage, PROT_NONE);
  mprotect(pages + 4 * kPage, kPage, PROT_READ);
  const int fd = memfd_create("short", 0);
  if (fd < 0 || ftruncate(fd, 100) != 0) die("memfd");
  if (mmap(pages + 6 * kPage, 2 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
      MAP_FAILED)
    die("mmap");
  munmap(pages + kPages * kPage, kPage);
}

// One of each kind; what cannot be had is not missed.
static void make_descriptors(void) {
  int pair[2];
  // What it writes is of no interest.
  for (int fd = 0; fd < 3; fd++) close(fd);
  for (int fd = 0; fd < 4; fd++) open("/dev/null", O_RDWR);
  open("/dev/zero", O_RDWR);
  open(".", O_RDONLY | O_DIRECTORY);
  open("a", O_RDWR | O_CREAT, 0600);
  open("/proc/self/maps", O_RDONLY);
  open("/proc/self/mem", O_RDWR);
  if (pipe(pair) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) die("pipe");
  socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
  socket(AF_INET, SOCK_STREAM, 0);
  eventfd(1, 0);
  epoll_create1(0);
  timerfd_create(CLOCK_MONOTONIC, 0);
  inotify_init();
  memfd_create("storm", MFD_ALLOW_SEALING);
}

static void run(uint64_t random) {
  make_pages();
  make_descriptors();
  const struct sigaction interrupts = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &interrupts, NULL);
  syscall(SYS_rt_sigaction, SIGALRM, NULL, signal_action, 8);
  const Word self = (Word)getpid();
  for (int i = 0; i < kCalls; i++) {
    if (i % 8 == 0) tick_again();
    fill(&random);
    one_call(&random, self);
  }
  const Word nothing[6] = {0};
  call_native(SYS_exit_group, nothing);
}

static uint64_t patience_us(uint64_t seed) {
  (void)seed;
  return 500000;
}

int main(int count, char** arguments) {
  const struct Storm storm = {run, patience_us};
  return storm_main(&storm, count, arguments);
}
