// Figures of /proc/self/status.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// As it stands there (most are in kB); -1 if there is no such line. `name` with its colon.
static inline long status_figure(const char* name) {
  FILE* file = fopen("/proc/self/status", "r");
  char line[256];
  long value = -1;
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, name, strlen(name)) == 0) value = atol(line + strlen(name));
  }
  fclose(file);
  return value;
}
