// epoll sets: what they know a descriptor by, with copies, forks and closes.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static int control(int set, int operation, int fd, unsigned long data) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = data};
  return epoll_ctl(set, operation, fd, &event);
}

// How many, and the sum of their data: the order is not promised.
static void ready(const char* what, int set) {
  struct epoll_event events[8];
  unsigned long sum = 0;
  const int count = epoll_wait(set, events, 8, 0);
  for (int i = 0; i < count; ++i) sum += events[i].data.u64;
  printf("%s: %d ready, sum %lu\n", what, count, sum);
}

int main(void) {
  int ends[2];
  if (pipe(ends) != 0) die("pipe");
  const int set = epoll_create1(0);
  const int copy = dup(ends[0]), unknown = dup(ends[0]);
  SHOW("add", control(set, EPOLL_CTL_ADD, ends[0], 1));
  SHOW("add a copy", control(set, EPOLL_CTL_ADD, copy, 10));
  SHOW("add the copy again", control(set, EPOLL_CTL_ADD, copy, 10));
  SHOW("change another copy", control(set, EPOLL_CTL_MOD, unknown, 10));
  SHOW("remove another copy", control(set, EPOLL_CTL_DEL, unknown, 10));
  if (write(ends[1], "x", 1) != 1) die("write");
  ready("both", set);
  SHOW("change the copy", control(set, EPOLL_CTL_MOD, copy, 100));
  ready("changed", set);
  SHOW("remove the first", control(set, EPOLL_CTL_DEL, ends[0], 0));
  ready("one left", set);
  SHOW("add the first again", control(set, EPOLL_CTL_ADD, ends[0], 1));
  close(copy);
  ready("a closed copy stays", set);

  // In the child the set is the same one, and so are the numbers.
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    SHOW("child: add what is there", control(set, EPOLL_CTL_ADD, ends[0], 1));
    SHOW("child: add another copy", control(set, EPOLL_CTL_ADD, unknown, 1000));
    exit(0);
  }
  waitpid(child, NULL, 0);
  ready("after the child", set);
  close(unknown);
  close(ends[0]);
  ready("all closed", set);

  SHOW("pointer", epoll_ctl(set, EPOLL_CTL_ADD, ends[1], NULL));
  SHOW("pointer of a bad set", epoll_ctl(99, EPOLL_CTL_ADD, ends[1], NULL));
  SHOW("removing needs none", epoll_ctl(set, EPOLL_CTL_DEL, ends[1], NULL));
  SHOW("bad set", control(99, EPOLL_CTL_ADD, ends[1], 1));
  SHOW("bad descriptor", control(set, EPOLL_CTL_ADD, 99, 1));
  SHOW("no set", control(ends[1], EPOLL_CTL_ADD, set, 1));
  SHOW("itself", control(set, EPOLL_CTL_ADD, set, 1));
  const int set_copy = dup(set);
  SHOW("a copy of itself", control(set, EPOLL_CTL_ADD, set_copy, 1));
  SHOW("operation", control(set, 9, ends[1], 1));
  SHOW("a file", control(set, EPOLL_CTL_ADD, open("/proc/self/exe", O_RDONLY), 1));
  return 0;
}
