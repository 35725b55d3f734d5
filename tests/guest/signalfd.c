// signalfd: reading, waiting, changing the mask, errors.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static int raw_signalfd(int fd, const void* mask, unsigned long size, int flags) {
  return (int)syscall(SYS_signalfd4, fd, mask, size, flags);
}

static void readable(const char* what, int fd) {
  struct pollfd one = {fd, POLLIN, 0};
  SHOW(what, poll(&one, 1, 0));
}

static void show(const struct signalfd_siginfo* info) {
  printf("  signal %u code %d from %s, int %d status %d\n", info->ssi_signo, info->ssi_code,
         info->ssi_pid == (unsigned)getpid() ? "itself" : info->ssi_pid == 0 ? "nobody" : "another",
         info->ssi_int, info->ssi_status);
}

static void nothing(int signal) { (void)signal; }

int main(void) {
  sigset_t set, one;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGRTMIN);
  sigaddset(&set, SIGKILL);
  sigprocmask(SIG_BLOCK, &set, NULL);
  const int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  SHOW("flags", fcntl(fd, F_GETFD));
  SHOW("status flags", fcntl(fd, F_GETFL));
  struct signalfd_siginfo info[4];
  readable("nothing", fd);
  SHOW("read nothing", read(fd, info, sizeof info));
  kill(getpid(), SIGUSR1);
  readable("one", fd);
  SHOW("read one", read(fd, info, sizeof info));
  show(info);
  readable("nothing again", fd);
  union sigval value = {.sival_int = 7};
  for (int i = 0; i < 3; ++i) sigqueue(getpid(), SIGRTMIN, value);
  kill(getpid(), SIGUSR1);
  SHOW("room for two", read(fd, info, 2 * sizeof *info));
  show(&info[0]);
  show(&info[1]);
  readable("more", fd);
  SHOW("the rest", read(fd, info, sizeof info));
  readable("no more", fd);

  // In an epoll set.
  const int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLET};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  SHOW("quiet", epoll_wait(epoll, &event, 1, 0));
  kill(getpid(), SIGUSR1);
  SHOW("ready", epoll_wait(epoll, &event, 1, 0));
  SHOW("no edge", epoll_wait(epoll, &event, 1, 0));
  sigqueue(getpid(), SIGRTMIN, value);
  SHOW("another edge", epoll_wait(epoll, &event, 1, 0));

  // Another mask for the same descriptor, and a signal taken otherwise.
  sigemptyset(&one);
  sigaddset(&one, SIGUSR1);
  SHOW("mask", raw_signalfd(fd, &one, 8, 0) == fd);
  SHOW("only that", read(fd, info, sizeof info));
  readable("the other is not", fd);
  SHOW("mask", raw_signalfd(fd, &set, 8, 0) == fd);
  readable("the other is", fd);
  siginfo_t taken;
  SHOW("taken otherwise", sigwaitinfo(&set, &taken) == SIGRTMIN);
  readable("gone", fd);

  // Waiting for a child's end, with a blocking descriptor.
  const int blocking = signalfd(-1, &set, 0);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    usleep(20000);
    _exit(5);
  }
  SHOW("wait", read(blocking, info, sizeof info));
  show(info);
  waitpid(child, NULL, 0);
  struct sigaction action = {.sa_handler = nothing};
  sigaction(SIGALRM, &action, NULL);
  ualarm(20000, 0);
  SHOW("interrupted", read(blocking, info, sizeof info));

  // A child has its own signals.
  kill(getpid(), SIGUSR1);
  fflush(stdout);
  child = fork();
  if (child == 0) {
    SHOW("child: none", read(fd, info, sizeof info));
    raise(SIGUSR1);
    SHOW("child: its own", read(fd, info, sizeof info));
    exit(0);
  }
  waitpid(child, NULL, 0);
  // Perhaps the child's end as well.
  SHOW("parent: its own", read(fd, info, sizeof info) >= (long)sizeof *info);
  show(info);
  sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);

  SHOW("size", raw_signalfd(-1, &set, 4, 0));
  SHOW("pointer", raw_signalfd(-1, (void*)8, 8, 99));
  SHOW("bad flags", raw_signalfd(-1, &set, 8, 99));
  SHOW("bad descriptor", raw_signalfd(99, &set, 8, 0));
  SHOW("no signalfd", raw_signalfd(epoll, &set, 8, 0));
  SHOW("little room", read(fd, info, sizeof *info - 1));
  SHOW("write", write(fd, info, sizeof *info));
  SHOW("pread", pread(fd, info, sizeof *info, 0));
  raise(SIGUSR1);
  SHOW("bad room", read(fd, (void*)8, sizeof *info));
  return 0;
}
