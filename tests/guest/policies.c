// Memory policies where only node 0 is asked for.
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

enum { kPage = 4096 };

static long ask(const char *name, void *at, int flags) {
  int mode = -1;
  unsigned long nodes[16] = {0};
  errno = 0;
  long result = syscall(SYS_get_mempolicy, &mode, nodes, 1024L, at, flags);
  printf("%s: %s mode %#x nodes %#lx\n", name, result == 0 ? "0" : strerrorname_np(errno), mode, nodes[0]);
  return result;
}

int main(void) {
  unsigned long first = 1, none = 0;
  char *area = mmap(NULL, 8 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ask("default", NULL, 0);
  SHOW("preferred", syscall(SYS_set_mempolicy, MPOL_PREFERRED, &first, 64L));
  ask("preferred", NULL, 0);
  SHOW("preferred, no node", syscall(SYS_set_mempolicy, MPOL_PREFERRED, &none, 64L));
  ask("local", NULL, 0);
  SHOW("bind, no node", syscall(SYS_set_mempolicy, MPOL_BIND, NULL, 0L));
  SHOW("bind static", syscall(SYS_set_mempolicy, MPOL_BIND | MPOL_F_STATIC_NODES, &first, 64L));
  ask("bind static", NULL, 0);
  SHOW("both flags", syscall(SYS_set_mempolicy, MPOL_BIND | MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES, &first, 64L));
  SHOW("interleave", syscall(SYS_set_mempolicy, MPOL_INTERLEAVE, &first, 64L));
  ask("next node", NULL, MPOL_F_NODE);
  SHOW("unknown", syscall(SYS_set_mempolicy, 77, &first, 64L));
  SHOW("bad mask", syscall(SYS_set_mempolicy, MPOL_BIND, (void *)8, 64L));
  SHOW("default with a node", syscall(SYS_set_mempolicy, MPOL_DEFAULT, &first, 64L));
  SHOW("default", syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0L));
  ask("next of default", NULL, MPOL_F_NODE);
  ask("address without flag", area, 0);

  SHOW("mbind", syscall(SYS_mbind, area, 2L * kPage, MPOL_BIND, &first, 64L, 0));
  ask("bound", area, MPOL_F_ADDR);
  ask("beside", area + 2 * kPage, MPOL_F_ADDR);
  ask("node of a page", area, MPOL_F_ADDR | MPOL_F_NODE);
  SHOW("unaligned", syscall(SYS_mbind, area + 1, 2L * kPage, MPOL_BIND, &first, 64L, 0));
  SHOW("flags", syscall(SYS_mbind, area, 2L * kPage, MPOL_BIND, &first, 64L, 8));
  munmap(area + 6 * kPage, 2 * kPage);
  SHOW("hole", syscall(SYS_mbind, area, 8L * kPage, MPOL_BIND, &first, 64L, 0));
  SHOW("default over a hole", syscall(SYS_mbind, area, 7L * kPage, MPOL_DEFAULT, NULL, 0L, 0));
  SHOW("nothing but hole", syscall(SYS_mbind, area + 6 * kPage, 1L * kPage, MPOL_DEFAULT, NULL, 0L, 0));

  area[0] = 1;
  void *pages[3] = {area, area + 4 * kPage, area + 6 * kPage};
  int nodes[3] = {0}, status[3] = {9, 9, 9};
  SHOW("move_pages", syscall(SYS_move_pages, 0, 3L, pages, NULL, status, 0));
  printf("%d %d %d\n", status[0], status[1], status[2]);
  SHOW("move to node 0", syscall(SYS_move_pages, 0, 1L, pages, nodes, status, MPOL_MF_MOVE));
  nodes[0] = -1;
  SHOW("move to no node", syscall(SYS_move_pages, 0, 1L, pages, nodes, status, MPOL_MF_MOVE));
  SHOW("flags", syscall(SYS_move_pages, 0, 1L, pages, nodes, status, 1));
  SHOW("migrate_pages", syscall(SYS_migrate_pages, 0, 64L, &first, &first));
  SHOW("migrate to nowhere", syscall(SYS_migrate_pages, 0, 64L, &first, &none));
  return 0;
}
