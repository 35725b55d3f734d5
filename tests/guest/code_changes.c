// Code that changes after it was executed: what runs is what stands there, whoever wrote it.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "check.h"

enum { kPage = 4096, kRounds = 100 };

// mov $VALUE, %eax; ret
struct Answer {
  unsigned char bytes[6];
};
static struct Answer answer(int value) {
  return (struct Answer){{0xb8, (unsigned char)value, 0, 0, 0, 0xc3}};
}
static int call(const void* code) {
  int (*function)(void);
  memcpy(&function, &code, sizeof function);
  __asm__ volatile("" ::: "memory");
  return function();
}
static void* map(int protection) {
  void* page = mmap(NULL, kPage, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) die("mmap");
  return page;
}

static void by_itself(void) {
  unsigned char* page = map(PROT_READ | PROT_WRITE | PROT_EXEC);
  const struct Answer first = answer(0);
  memcpy(page, &first, sizeof first);
  int sum = 0;
  for (int i = 0; i < kRounds; i++) {
    page[1] = (unsigned char)i;
    sum += call(page);
  }
  SHOW("by itself", sum);
  munmap(page, kPage);
}

static int read_code(const int* pipes, void* to, int value) {
  const struct Answer next = answer(value);
  if (write(pipes[1], &next, sizeof next) != sizeof next) die("write");
  return read(pipes[0], to, sizeof next) == sizeof next;
}

static void by_read(const int* pipes) {
  void* page = map(PROT_READ | PROT_WRITE | PROT_EXEC);
  int sum = 0;
  for (int i = 0; i < kRounds; i++) {
    if (!read_code(pipes, page, i)) die("read");
    sum += call(page);
  }
  SHOW("by read", sum);
  sum = 0;
  for (int i = 0; i < kRounds; i++) {
    mprotect(page, kPage, PROT_READ | PROT_WRITE);
    if (!read_code(pipes, page, 2 * i)) die("read");
    mprotect(page, kPage, PROT_READ | PROT_EXEC);
    sum += call(page);
  }
  SHOW("by read, between two protections", sum);
  munmap(page, kPage);
}

static void by_debugger(void) {
  char* page = map(PROT_READ | PROT_WRITE);
  const struct Answer first = answer(0);
  memcpy(page, &first, sizeof first);
  mprotect(page, kPage, PROT_READ | PROT_EXEC);
  const int memory = open("/proc/self/mem", O_RDWR);
  int sum = 0;
  for (int i = 0; i < kRounds; i++) {
    const unsigned char value = (unsigned char)i;
    if (pwrite64(memory, &value, 1, (off64_t)(unsigned long)(page + 1)) != 1) die("pwrite");
    sum += call(page);
  }
  SHOW("by /proc/self/mem", sum);
  close(memory);
  munmap(page, kPage);
}

// Frames come back: other pages, other files, other code in them.
static void in_recycled_memory(void) {
  int sum = 0;
  for (int i = 0; i < kRounds; i++) {
    char name[] = "/tmp/gonzo-code-XXXXXX";
    const int file = mkstemp(name);
    if (file < 0) die("mkstemp");
    unlink(name);
    const struct Answer next = answer(i);
    if (write(file, &next, sizeof next) != sizeof next) die("write");
    void* page = mmap(NULL, kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
    sum += call(page);
    munmap(page, kPage);
    close(file);
  }
  SHOW("in recycled memory", sum);
}

// A private page of a file's, copied by the kernel at the write.
static void in_a_copy(void) {
  char name[] = "/tmp/gonzo-code-XXXXXX";
  const int file = mkstemp(name);
  if (file < 0) die("mkstemp");
  unlink(name);
  const struct Answer first = answer(200);
  if (write(file, &first, sizeof first) != sizeof first) die("write");
  int sum = 0;
  for (int i = 0; i < kRounds; i++) {
    unsigned char* page =
        mmap(NULL, kPage, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, file, 0);
    sum += call(page);
    page[1] = (unsigned char)i;
    sum += call(page);
    munmap(page, kPage);
  }
  SHOW("in a copy", sum);
  close(file);
}

// Written to the file, while its pages are mapped: shared, and private without a copy.
static void in_a_file(void) {
  char name[] = "/tmp/gonzo-code-XXXXXX", other_name[] = "/tmp/gonzo-code-XXXXXX";
  const int file = mkstemp(name), other = mkstemp(other_name);
  if (file < 0 || other < 0) die("mkstemp");
  unlink(name), unlink(other_name);
  if (ftruncate(file, 3 * kPage) != 0) die("ftruncate");
  const char* shared = mmap(NULL, 3 * kPage, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
  const char* private = mmap(NULL, 3 * kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
  long by_write = 0, by_copy = 0;
  for (int i = 0; i < kRounds; i++) {
    const int at = i % 3 * kPage;
    const struct Answer next = answer(i), last = answer(2 * i);
    if (pwrite(file, &next, sizeof next, at) != sizeof next) die("pwrite");
    by_write += call(shared + at) + call(private + at);
    off_t from = 0;
    if (pwrite(other, &last, sizeof last, 0) != sizeof last) die("pwrite");
    if (lseek(file, at, SEEK_SET) != at) die("lseek");
    if (sendfile(file, other, &from, sizeof last) != sizeof last) die("sendfile");
    by_copy += call(shared + at) + call(private + at);
  }
  SHOW("in a file, by write", by_write);
  SHOW("in a file, by sendfile", by_copy);
  close(file), close(other);
}

int main(void) {
  int pipes[2];
  if (pipe(pipes) != 0) die("pipe");
  by_itself();
  by_read(pipes);
  by_debugger();
  in_recycled_memory();
  in_a_copy();
  in_a_file();
  return 0;
}
