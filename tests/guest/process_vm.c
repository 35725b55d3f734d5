// process_vm_readv and process_vm_writev between processes.
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static char data[2 * 4096 + 10] = "the parent's";

int main(void) {
  char *const area = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  strcpy(area, "the parent's area");
  int to[2], from[2];
  if (pipe(to) != 0 || pipe(from) != 0) die("pipe");
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    char byte;
    strcpy(data, "the child's");
    strcpy(area, "the child's area");
    mprotect(area + 4096, 4096, PROT_READ);
    munmap(area + 2 * 4096, 4096);
    if (write(from[1], "x", 1) != 1 || read(to[0], &byte, 1) != 1) _exit(9);
    printf("child: %s, %s\n", data, area);
    char parent[20] = "";
    struct iovec here = {parent, sizeof parent - 1}, there = {data, 12};
    SHOW("child reads its parent", process_vm_readv(getppid(), &here, 1, &there, 1, 0));
    printf("  %s\n", parent);
    exit(0);
  }
  char byte, buffer[4][32] = {{0}};
  if (read(from[0], &byte, 1) != 1) die("read");
  struct iovec here[2] = {{buffer[0], 6}, {buffer[1], 20}};
  struct iovec there[2] = {{data, 12}, {area, 14}};
  SHOW("read", process_vm_readv(child, here, 2, there, 2, 0));
  printf("  '%s' '%s'\n", buffer[0], buffer[1]);
  strcpy(buffer[2], "written by the parent");
  here[0] = (struct iovec){buffer[2], 22};
  SHOW("write", process_vm_writev(child, here, 1, there, 2, 0));
  there[0] = (struct iovec){area + 4096, 10};
  SHOW("write where one reads", process_vm_writev(child, here, 1, there, 1, 0));
  SHOW("read there", process_vm_readv(child, here, 1, there, 1, 0));
  there[0] = (struct iovec){area + 2 * 4096 - 5, 10};
  SHOW("read over the end", process_vm_readv(child, here, 1, there, 1, 0));
  there[0] = (struct iovec){area + 2 * 4096, 10};
  SHOW("read past the end", process_vm_readv(child, here, 1, there, 1, 0));
  SHOW("nobody", process_vm_readv(3999999, here, 1, there, 1, 0));
  SHOW("nobody, nothing", process_vm_readv(3999999, here, 0, there, 1, 0));
  printf("own data: %s, %s\n", data, area);
  fflush(stdout);
  if (write(to[1], "x", 1) != 1) die("write");
  siginfo_t info;
  waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
  SHOW("one that has ended", process_vm_readv(child, here, 1, there, 1, 0));
  waitpid(child, NULL, 0);
  SHOW("one that was waited for", process_vm_readv(child, here, 1, there, 1, 0));
  return 0;
}
