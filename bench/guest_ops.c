// The operations of the bench table as a plain Linux program: run natively it measures the host
// kernel, under `gonzo run` it measures Gonzo. Prints "NAME NANOSECONDS" for each operation.
//   guest_ops [NAME...]                     all operations, or those named
//   guest_ops --time NAME COMMAND [ARG...]  from a fork to the end of a program, which must succeed
#define _GNU_SOURCE
#include "guest_ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void die(const char* what) {
  perror(what);
  exit(1);
}

char* map_anonymous(size_t bytes) {
  char* p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) die("mmap");
  madvise(p, bytes, MADV_NOHUGEPAGE);
  return p;
}

void touch(char* start, size_t bytes) {
  for (size_t at = 0; at < bytes; at += kPage) *(volatile char*)(start + at) = 1;
}

// What only runs when asked for: a filter for system calls that stays.
static const char kOnlyNamed[] = "trap_floor";

static int wanted(const char* name, int argc, char** argv) {
  if (argc < 2) return strcmp(name, kOnlyNamed) != 0;
  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], name) == 0) return 1;
  return 0;
}

static void run_wanted(const struct Operation* operations, size_t count, int argc, char** argv) {
  for (size_t i = 0; i < count; i++) {
    if (!wanted(operations[i].name, argc, argv)) continue;
    printf("%s %.1f\n", operations[i].name, operations[i].run());
    fflush(stdout);  // before it forks, and before the next one can fail
  }
}

static int time_program(const char* name, char** command) {
  const double start = now();
  const pid_t child = fork();
  if (child == 0) {
    execvp(command[0], command);
    perror(command[0]);
    _exit(127);
  }
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
    fprintf(stderr, "%s: status %#x\n", command[0], (unsigned)status);
    return 1;
  }
  printf("%s %.1f\n", name, now() - start);
  return 0;
}

int main(int argc, char** argv) {
  if (argc > 3 && strcmp(argv[1], "--time") == 0) return time_program(argv[2], argv + 3);
  run_wanted(kMemoryOperations, kMemoryOperationCount, argc, argv);
  run_wanted(kTaskOperations, kTaskOperationCount, argc, argv);
  return 0;
}
