// Who a file's signals would go to: fcntl's F_SETOWN and its kin.
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void show_owner(int fd) {
  struct f_owner_ex owner = {-1, -1};
  SHOW("F_GETOWN_EX", fcntl(fd, F_GETOWN_EX, &owner));
  printf("type %d, %s\n", (int)owner.type, owner.pid == getpid() ? "own" : owner.pid ? "?" : "0");
}

static void set_owner(int fd, int type, pid_t number) {
  const struct f_owner_ex owner = {type, number};
  SHOW("F_SETOWN_EX", fcntl(fd, F_SETOWN_EX, &owner));
  show_owner(fd);
}

int main(void) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) die("socketpair");
  setpgid(0, 0);
  SHOW("nobody", fcntl(pair[0], F_GETOWN));
  show_owner(pair[0]);
  SHOW("no such process", fcntl(pair[0], F_SETOWN, INT_MAX));
  SHOW("no such group", fcntl(pair[0], F_SETOWN, -INT_MAX));
  SHOW("no number", fcntl(pair[0], F_SETOWN, INT_MIN));
  SHOW("itself", fcntl(pair[0], F_SETOWN, getpid()));
  SHOW("itself", fcntl(pair[0], F_GETOWN) == getpid());
  show_owner(pair[0]);
  SHOW("by another descriptor", fcntl(dup(pair[0]), F_GETOWN) == getpid());
  SHOW("its group", fcntl(pair[0], F_SETOWN, -getpgrp()));
  SHOW("its group", fcntl(pair[0], F_GETOWN) == -getpgrp());
  show_owner(pair[0]);
  for (int type = -1; type <= 3; type++) {
    set_owner(pair[0], type, getpid());
    set_owner(pair[0], type, INT_MAX);
    set_owner(pair[0], type, 0);
  }
  SHOW("a bad pointer", fcntl(pair[0], F_SETOWN_EX, (void*)1));
  SHOW("a bad pointer", fcntl(pair[0], F_GETOWN_EX, (void*)1));
  SHOW("a bad signal", fcntl(pair[0], F_SETSIG, 65));

  const pid_t child = fork();
  if (child == 0) pause();
  SHOW("a child", fcntl(pair[0], F_SETOWN, child));
  SHOW("a child", fcntl(pair[0], F_GETOWN) == child);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  SHOW("a child that has gone", fcntl(pair[0], F_GETOWN));
  return 0;
}
