// Huge pages are Linux's, but none is reserved: what Gonzo is like.
#pragma once

#include <stdio.h>

static inline long huge_page_setting(const char* path) {
  FILE* file = fopen(path, "r");
  long value = -1;
  if (file != NULL && fscanf(file, "%ld", &value) != 1) value = -1;
  if (file != NULL) fclose(file);
  return value;
}

static inline int has_no_huge_pages(void) {
  return huge_page_setting("/proc/sys/vm/nr_hugepages") == 0 &&
         huge_page_setting("/proc/sys/vm/nr_overcommit_hugepages") == 0;
}
