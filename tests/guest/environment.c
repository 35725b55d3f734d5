// What a program is given: arguments, environment, auxiliary vector, descriptors, files of /proc.
#include <elf.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

extern char **environ;

int main(int count, char **arguments) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int i = 0; i < count; ++i) printf("argument %d: %s\n", i, arguments[i]);
  for (char **entry = environ; *entry != NULL; ++entry) {
    if (strncmp(*entry, "GUEST_", 6) == 0) printf("%s\n", *entry);
  }
  printf("page size %lu, clock %lu, uid %lu, secure %lu, platform %s, random %d\n",
         getauxval(AT_PAGESZ), getauxval(AT_CLKTCK), getauxval(AT_UID), getauxval(AT_SECURE),
         (char *)getauxval(AT_PLATFORM), getauxval(AT_RANDOM) != 0);
  printf("program headers %lu of %lu bytes, execfn %s\n", getauxval(AT_PHNUM), getauxval(AT_PHENT),
         (char *)getauxval(AT_EXECFN));
  printf("stack aligned: %d\n", ((unsigned long)__builtin_frame_address(0) & 15) == 0);
  char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  path[length > 0 ? length : 0] = 0;
  printf("exe %s\n", path);
  int file = open("/proc/self/cmdline", O_RDONLY);
  length = read(file, path, sizeof path);
  printf("cmdline of %zd bytes, first %s\n", length, path);
  for (int fd = 0; fd < 16; ++fd) {
    if (fd == file || fcntl(fd, F_GETFD) < 0) continue;
    printf("open: %d\n", fd);
  }
  char third[20] = {0};
  if (read(3, third, sizeof third - 1) > 0) printf("third: %s\n", third);
  struct stat status;
  SHOW("stat /proc/self/maps", stat("/proc/self/maps", &status));
  SHOW("a process that is not", access("/proc/self/nothing", F_OK));
  if (isatty(0)) printf("terminal\n");
  return count > 1 ? atoi(arguments[1]) : 0;
}
