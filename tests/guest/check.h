// What the guest programs share: each line of output is one observation that must be the same
// natively and on Gonzo.
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// "name: 0" or "name: ENOENT".
#define SHOW(name, expression)                          \
  do {                                                  \
    errno = 0;                                          \
    long show_result = (long)(expression);              \
    if (show_result == -1 && errno != 0)                \
      printf("%s: %s\n", name, strerrorname_np(errno)); \
    else                                                \
      printf("%s: %ld\n", name, show_result);           \
  } while (0)

// Only whether it worked: for results that are addresses.
#define SHOW_ADDRESS(name, expression)                  \
  do {                                                  \
    errno = 0;                                          \
    void* show_address = (void*)(expression);           \
    if (show_address == (void*)-1)                      \
      printf("%s: %s\n", name, strerrorname_np(errno)); \
    else                                                \
      printf("%s: ok\n", name);                         \
  } while (0)

static inline void die(const char* what) {
  perror(what);
  exit(99);
}
