// What the parts of guest_ops share.
#pragma once
#include <stddef.h>

enum { kPage = 4096 };

/// One row of the bench table; run() gives nanoseconds, below 0 if it cannot be measured here.
struct Operation {
  const char* name;
  double (*run)(void);
};

extern const struct Operation kMemoryOperations[];
extern const size_t kMemoryOperationCount;
extern const struct Operation kTaskOperations[];
extern const size_t kTaskOperationCount;

/// CLOCK_MONOTONIC, in nanoseconds.
double now(void);
/// Says why, and ends the program.
void die(const char* what);
/// Private memory, without huge pages.
char* map_anonymous(size_t bytes);
void touch(char* start, size_t bytes);
