// Descriptors of other processes: what they are, poll, waitid, signals, taking descriptors.
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { kThread = O_EXCL };

static int open_pidfd(int pid, unsigned flags) { return (int)syscall(SYS_pidfd_open, pid, flags); }
static long send(int fd, int signal, siginfo_t* info, unsigned flags) {
  return syscall(SYS_pidfd_send_signal, fd, signal, info, flags);
}
static long take(int fd, int number, unsigned flags) {
  return syscall(SYS_pidfd_getfd, fd, number, flags);
}

static void show_poll(const char* when, int fd) {
  struct pollfd entry = {fd, 0x7fff, 0};
  int ready = poll(&entry, 1, 0);
  printf("%s: poll %d, %x\n", when, ready, entry.revents);
}

// Its number, if it is the one that is expected.
static void show_facts(int fd, int pid) {
  char name[64], line[128];
  snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
  FILE* file = fopen(name, "r");
  while (fgets(line, sizeof line, file)) {
    int number;
    if (sscanf(line, "Pid: %d", &number) == 1) {
      printf("Pid: %s\n", number == pid ? "its own" : number == -1 ? "-1" : "another");
    } else if (strncmp(line, "flags", 5) == 0 || strncmp(line, "pos", 3) == 0) {
      fputs(line, stdout);
    }
  }
  fclose(file);
}

static int start_child(int* end, int status) {
  int ends[2];
  if (pipe(ends) != 0) die("pipe");
  fflush(stdout);
  int pid = fork();
  if (pid == 0) {
    char byte;
    close(ends[1]);
    read(ends[0], &byte, 1);
    _exit(status);
  }
  close(ends[0]);
  *end = ends[1];
  return pid;
}

static void what_it_is(int fd, int pid) {
  char name[64], target[64];
  struct stat status, other;
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  long length = readlink(name, target, sizeof target);
  printf("a link to %.*s\n", (int)length, target);
  fstat(fd, &status);
  printf("mode %o, size %ld\n", status.st_mode, (long)status.st_size);
  int again = open_pidfd(pid, 0), own = open_pidfd(getpid(), 0);
  fstat(again, &other);
  printf("one inode for one process: %d\n", other.st_ino == status.st_ino);
  fstat(own, &other);
  printf("and for another: %d\n", other.st_ino == status.st_ino);
  SHOW("flags", fcntl(fd, F_GETFL));
  SHOW("close on exec", fcntl(fd, F_GETFD));
  SHOW("read", read(fd, target, 1));
  SHOW("pread", pread(fd, target, 1, 0));
  SHOW("write", write(fd, target, 1));
  SHOW("lseek", lseek(fd, 0, SEEK_SET));
  show_facts(fd, pid);
  close(again);
  close(own);
}

static void opening(int pid) {
  SHOW("open 0", open_pidfd(0, 0));
  SHOW("open -1", open_pidfd(-1, 0));
  SHOW("open nobody", open_pidfd(4194000, 0));
  SHOW("open with odd flags", open_pidfd(pid, 1));
  int fd = open_pidfd(pid, O_NONBLOCK);
  SHOW("flags", fcntl(fd, F_GETFL));
  siginfo_t info;
  SHOW("waitid that would block", waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
  close(fd);
}

static void waiting_wrongly(int fd) {
  siginfo_t info;
  int own = open_pidfd(getpid(), 0);
  SHOW("nothing yet", waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG));
  SHOW("no descriptor", waitid(P_PIDFD, 777, &info, WEXITED));
  SHOW("not a number", waitid(P_PIDFD, (id_t)-1, &info, WEXITED));
  SHOW("not a child", waitid(P_PIDFD, (id_t)own, &info, WEXITED));
  SHOW("not a pidfd", waitid(P_PIDFD, 1, &info, WEXITED));
  close(own);
}

static volatile sig_atomic_t caught;
static volatile int caught_value;
static void on_signal(int signal, siginfo_t* info, void* context) {
  (void)context;
  caught = signal;
  caught_value = info->si_value.sival_int;
}

static void signals(int fd, int pid) {
  int own = open_pidfd(getpid(), 0);
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, NULL);
  SHOW("signal 0", send(fd, 0, NULL, 0));
  SHOW("no signal", send(fd, 65, NULL, 0));
  for (unsigned flags = 1; flags < 9; ++flags) {
    char name[32];
    snprintf(name, sizeof name, "flags %u", flags);
    SHOW(name, send(fd, 0, NULL, flags));
  }
  SHOW("not a pidfd", send(1, 0, NULL, 0));
  SHOW("no descriptor", send(777, 0, NULL, 0));
  char name[64];
  snprintf(name, sizeof name, "/proc/%d", pid);
  int directory = open(name, O_RDONLY | O_DIRECTORY);
  SHOW("its directory", send(directory, 0, NULL, 0));
  close(directory);
  snprintf(name, sizeof name, "/proc/%d/task", pid);
  directory = open(name, O_RDONLY | O_DIRECTORY);
  SHOW("another directory", send(directory, 0, NULL, 0));
  close(directory);
  siginfo_t info = {.si_signo = SIGCONT, .si_code = SI_QUEUE};
  SHOW("with information", send(fd, SIGCONT, &info, 0));
  info.si_code = SI_USER;
  SHOW("as kill", send(fd, SIGCONT, &info, 0));
  SHOW("as kill, to oneself", send(own, SIGCONT, &info, 0));
  info.si_code = SI_TKILL;
  SHOW("as tgkill", send(fd, SIGCONT, &info, 0));
  info.si_code = SI_QUEUE;
  SHOW("about another signal", send(fd, SIGUSR1, &info, 0));
  info.si_signo = SIGUSR1;
  info.si_value.sival_int = 77;
  SHOW("to oneself", send(own, SIGUSR1, &info, 0));
  printf("caught %d with %d\n", (int)caught, caught_value);
  close(own);
}

static void taking(int fd) {
  struct stat one, other;
  int taken = (int)take(fd, 1, 0);
  fstat(1, &one);
  fstat(taken, &other);
  printf("the same file: %d, close on exec %d\n", one.st_ino == other.st_ino,
         fcntl(taken, F_GETFD));
  close(taken);
  SHOW("no such descriptor there", take(fd, 777, 0));
  SHOW("odd flags", take(fd, 0, 1));
  SHOW("not a pidfd", take(1, 0, 0));
  SHOW("no descriptor", take(777, 0, 0));
}

static void ends(int fd, int pid, int end) {
  show_poll("alive", fd);
  int set = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLET};
  epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
  SHOW("epoll", epoll_wait(set, &event, 1, 0));
  close(end);
  SHOW("epoll until its end", epoll_wait(set, &event, 1, -1));
  printf("events %x\n", event.events);
  show_poll("a zombie", fd);
  show_facts(fd, pid);
  SHOW("signal", send(fd, 0, NULL, 0));
  SHOW("take", take(fd, 0, 0));
  int again = open_pidfd(pid, 0);
  show_poll("opened as a zombie", again);
  close(again);
  siginfo_t info = {0};
  SHOW("keep", waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOWAIT));
  SHOW("waitid", waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
  printf("its own %d, status %d, code %d\n", info.si_pid == pid, info.si_status, info.si_code);
  show_poll("gone", fd);
  show_facts(fd, pid);
  SHOW("signal", send(fd, 0, NULL, 0));
  SHOW("take", take(fd, 0, 0));
  SHOW("waitid", waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
  SHOW("open", open_pidfd(pid, 0));
  close(set);
}

static void by_clone(void) {
  int fd = -1;
  fflush(stdout);
  long pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);
  if (pid == 0) _exit(fd == -1 ? 3 : 4);
  siginfo_t info;
  waitid(P_PIDFD, (id_t)fd, &info, WEXITED);
  printf("clone: close on exec %d, status %d\n", fcntl(fd, F_GETFD), info.si_status);
  close(fd);
  SHOW("two answers",
       syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &fd, 0, 0));
  SHOW("detached", syscall(SYS_clone, CLONE_PIDFD | CLONE_DETACHED | SIGCHLD, 0, &fd, 0, 0));
  SHOW("nowhere to store", syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, 8, 0, 0));
  SHOW("no child of these", wait(NULL));
  unsigned long long arguments[11] = {CLONE_PIDFD, (unsigned long)&fd, 0, 0, SIGCHLD};
  fd = -1;
  pid = syscall(SYS_clone3, arguments, sizeof arguments);
  if (pid == 0) _exit(5);
  waitid(P_PIDFD, (id_t)fd, &info, WEXITED);
  printf("clone3: status %d\n", info.si_status);
  close(fd);
}

static volatile int thread_id;
static int thread_pipe[2];
static void* thread(void* unused) {
  char byte;
  thread_id = (int)syscall(SYS_gettid);
  read(thread_pipe[0], &byte, 1);
  return unused;
}

static void of_threads(void) {
  pthread_t started;
  if (pipe(thread_pipe) != 0) die("pipe");
  pthread_create(&started, NULL, thread, NULL);
  while (!thread_id) usleep(1000);
  SHOW("a thread's number", open_pidfd(thread_id, 0));
  int fd = open_pidfd(thread_id, kThread);
  SHOW("flags", fcntl(fd, F_GETFL));
  show_facts(fd, thread_id);
  SHOW("signal", send(fd, 0, NULL, 0));
  siginfo_t info;
  SHOW("waitid", waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG));
  show_poll("alive", fd);
  close(thread_pipe[1]);
  pthread_join(started, NULL);
  struct pollfd entry = {fd, 0, 0};
  poll(&entry, 1, -1);
  show_poll("gone", fd);
  show_facts(fd, thread_id);
  SHOW("signal", send(fd, 0, NULL, 0));
  close(fd);
}

int main(void) {
  int end, pid = start_child(&end, 7), fd = open_pidfd(pid, 0);
  what_it_is(fd, pid);
  opening(pid);
  waiting_wrongly(fd);
  signals(fd, pid);
  taking(fd);
  ends(fd, pid, end);
  by_clone();
  of_threads();
  return 0;
}
