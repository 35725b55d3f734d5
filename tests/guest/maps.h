// The lines of /proc/self/maps about a range, addresses as pages from its start.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <string.h>

// `inode` is shown as "id" (a segment's inode is its id), any other as whether it is 0.
static inline void show_maps(const char* name, const void* start, size_t size, unsigned long id) {
  FILE* maps = fopen("/proc/self/maps", "r");
  char line[512];
  const uintptr_t low = (uintptr_t)start, high = low + size;
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long from, to, offset, inode;
    unsigned major, minor;
    char protection[8];
    int path = 0;
    if (sscanf(line, "%lx-%lx %7s %lx %x:%x %lu %n", &from, &to, protection, &offset, &major,
               &minor, &inode, &path) < 7)
      continue;
    if (to <= low || from >= high) continue;
    line[strcspn(line, "\n")] = 0;
    const char* text = line + path;
    if (strncmp(text, "/SYSV", 5) == 0)
      text = strstr(text, " (deleted)") != NULL ? "/SYSV (deleted)" : "/SYSV";
    printf("%s: %ld-%ld %s %lx %s %s\n", name, from < low ? -1 : (long)((from - low) / 4096),
           to > high ? -1 : (long)((to - low) / 4096), protection, offset,
           inode == 0    ? "0"
           : inode == id ? "id"
                         : "inode",
           text);
  }
  fclose(maps);
}
