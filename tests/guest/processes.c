// fork, vfork, exec, wait, groups and sessions, as the kernel does them. Prints no number that may
// differ between machines.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static void show_status(const char* what, int status) {
  if (WIFEXITED(status)) {
    printf("%s: exited %d\n", what, WEXITSTATUS(status));
  } else if (WIFSIGNALED(status)) {
    printf("%s: killed by %d\n", what, WTERMSIG(status));
  } else if (WIFSTOPPED(status)) {
    printf("%s: stopped by %d\n", what, WSTOPSIG(status));
  } else if (WIFCONTINUED(status)) {
    printf("%s: continued\n", what);
  } else {
    printf("%s: status %x\n", what, status);
  }
}

static int wait_for(const char* what, pid_t child) {
  int status = 0;
  const pid_t got = waitpid(child, &status, 0);
  if (got != child) printf("%s: waitpid %s\n", what, got < 0 ? strerror(errno) : "another");
  show_status(what, status);
  return status;
}

// What one side writes after the fork, the other does not see.
static void copies(void) {
  static char data[3 * 4096] = "data";
  char* const heap = malloc(5000);
  char* const shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  strcpy(heap, "heap");
  strcpy(shared, "shared");
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) return;
  const pid_t child = fork();
  if (child == 0) {
    char go = 0;
    if (read(pipe_ends[0], &go, 1) != 1) _exit(9);
    const int same = strcmp(data, "data") == 0 && strcmp(heap, "heap") == 0;
    strcpy(data + 5000, "child");
    strcpy(heap, "child");
    strcpy(shared + 100, "child");
    _exit(same && strcmp(shared, "parent") == 0 ? 0 : 1);
  }
  strcpy(data, "parent");
  strcpy(heap, "parent");
  strcpy(shared, "parent");
  if (write(pipe_ends[1], "g", 1) != 1) return;
  wait_for("copy on write", child);
  printf("parent has %s %s %s, of the child %s\n", data, heap, data + 5000, shared + 100);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

static void statuses(void) {
  for (int code = 0; code < 300; code += 85) {
    const pid_t child = fork();
    if (child == 0) exit(code);
    wait_for("exit", child);
  }
  const int signals[] = {SIGTERM, SIGKILL, SIGABRT, SIGALRM, SIGUSR1, SIGSEGV, SIGRTMIN + 1};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      pause();
      _exit(0);
    }
    kill(child, signals[i]);
    wait_for("killed", child);
  }
  const pid_t child = fork();
  if (child == 0) *(volatile char*)16 = 1;
  wait_for("fault", child);
}

static void waits(void) {
  int status = 0;
  SHOW("no child", waitpid(-1, &status, 0));
  SHOW("no such child", waitpid(99999, &status, 0));
  SHOW("bad options", waitpid(-1, &status, 0x100));
  SHOW("no such group", waitpid(-77777, &status, 0));
  int ends[2];
  if (pipe(ends) != 0) return;
  const pid_t child = fork();
  if (child == 0) {
    char go;
    if (read(ends[0], &go, 1) != 1) _exit(8);
    _exit(7);
  }
  printf("not yet: %d\n", waitpid(child, &status, WNOHANG));
  siginfo_t info;
  memset(&info, 1, sizeof info);
  SHOW("waitid not yet", waitid(P_PID, child, &info, WEXITED | WNOHANG));
  printf("si_pid %d si_signo %d\n", info.si_pid, info.si_signo);
  if (write(ends[1], "x", 1) != 1) return;
  SHOW("waitid, kept", waitid(P_PID, child, &info, WEXITED | WNOWAIT));
  printf("si_code %d si_status %d signo %d mine %d\n", info.si_code, info.si_status, info.si_signo,
         info.si_pid == child);
  struct rusage usage;
  memset(&usage, 0, sizeof usage);
  printf("wait4 %d\n", wait4(child, &status, 0, &usage) == child);
  printf("it had memory: %d, faults: %d\n", usage.ru_maxrss > 0, usage.ru_minflt > 0);
  show_status("then", status);
  SHOW("gone", waitpid(child, &status, 0));
  SHOW("bad type", waitid(99, 0, &info, WEXITED));
  SHOW("nothing asked for", waitid(P_ALL, 0, &info, WNOHANG));
  close(ends[0]);
  close(ends[1]);
}

static void stops(void) {
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  int status = 0;
  kill(child, SIGSTOP);
  printf("%d ", waitpid(child, &status, WUNTRACED) == child);
  show_status("stop", status);
  printf("once: %d\n", waitpid(child, &status, WUNTRACED | WNOHANG));
  kill(child, SIGCONT);
  printf("%d ", waitpid(child, &status, WCONTINUED) == child);
  show_status("continue", status);
  kill(child, SIGSTOP);
  siginfo_t info;
  waitid(P_PID, child, &info, WSTOPPED);
  printf("waitid: code %d status %d\n", info.si_code, info.si_status);
  kill(child, SIGKILL);
  wait_for("killed while stopped", child);
}

static volatile sig_atomic_t children_signalled;
static volatile sig_atomic_t last_code;
static void on_child(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)context;
  ++children_signalled;
  last_code = info->si_code;
}

static void child_signals(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_child;
  action.sa_flags = SA_SIGINFO | SA_NOCLDSTOP;
  sigaction(SIGCHLD, &action, NULL);
  pid_t child = fork();
  if (child == 0) _exit(0);
  wait_for("with SIGCHLD", child);
  printf("signals %d code %d\n", children_signalled, last_code);
  int interrupted = 0;
  for (int i = 0; i < 200; ++i) {
    child = fork();
    if (child == 0) _exit(0);
    while (waitpid(child, NULL, 0) < 0) ++interrupted;
  }
  printf("waits that a child's end interrupted: %d\n", interrupted);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, NULL);
  int late = 0;
  for (int i = 0; i < 50; ++i) {
    child = fork();
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
    sigpending(&set);
    late += !sigismember(&set, SIGCHLD);
    const struct timespec none = {0, 0};
    sigtimedwait(&set, NULL, &none);
  }
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  printf("signals that came after their wait: %d\n", late);
  signal(SIGCHLD, SIG_IGN);
  child = fork();
  if (child == 0) _exit(0);
  SHOW("ignored children leave nothing", waitpid(child, NULL, 0));
  signal(SIGCHLD, SIG_DFL);
}

static void shared_memory_child(void) {
  static volatile int touched;
  const pid_t child = vfork();
  if (child == 0) {
    touched = 1;
    _exit(3);
  }
  printf("vfork shares: %d\n", touched);
  wait_for("vfork", child);
}

static int clone_main(void* argument) {
  *(int*)argument = 5;
  return 11;
}

static void clones(void) {
  static char stack[65536] __attribute__((aligned(16)));
  int value = 0;
  const pid_t child = clone(clone_main, stack + sizeof stack, CLONE_VM | SIGCHLD, &value);
  wait_for("clone", child);
  printf("clone with CLONE_VM wrote %d\n", value);
  SHOW("CLONE_SIGHAND alone", syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, NULL, NULL, NULL, 0));
  SHOW("CLONE_THREAD alone", syscall(SYS_clone, CLONE_THREAD | CLONE_VM, NULL, NULL, NULL, 0));
}

static void execs(const char* self) {
  static char* const environment[] = {"A=1", NULL};
  pid_t child = fork();
  if (child == 0) {
    char* const arguments[] = {"name", "exec-child", "two words", "", NULL};
    execve(self, arguments, environment);
    _exit(99);
  }
  wait_for("execve", child);
  child = vfork();
  if (child == 0) {
    char* const arguments[] = {"name", "exec-child", NULL};
    execve(self, arguments, environment);
    _exit(99);
  }
  wait_for("vfork and execve", child);
  char* const none[] = {NULL};
  SHOW("execve of nothing", execve("/nonexistent", none, none));
  SHOW("execve of a directory", execve("/", none, none));
  SHOW("execve of a file that is no program", execve("/etc/passwd", none, none));
  SHOW("execve, bad argv", syscall(SYS_execve, self, 1, NULL));
  SHOW("execve, bad path", syscall(SYS_execve, 1, NULL, NULL));
  SHOW("execveat, bad flags", syscall(SYS_execveat, AT_FDCWD, self, none, none, 1));
  child = fork();
  if (child == 0) {
    const int file = open(self, O_RDONLY | O_CLOEXEC);
    char* const arguments[] = {"by descriptor", "exec-child", NULL};
    syscall(SYS_execveat, file, "", arguments, environment, AT_EMPTY_PATH);
    _exit(98);
  }
  wait_for("execveat", child);
}

static int exec_child(int count, char** arguments, char** environment) {
  for (int i = 0; i < count; ++i) printf("  argument %d: %s\n", i, arguments[i]);
  for (char** each = environment; *each != NULL; ++each) printf("  environment: %s\n", *each);
  fflush(stdout);
  return 21;
}

static void groups(void) {
  setpgid(0, 0);
  printf("leader: %d\n", getpgrp() == getpid());
  SHOW("setsid of a group leader", setsid() > 0 ? 0 : -1);
  int ends[2];
  if (pipe(ends) != 0) return;
  const pid_t child = fork();
  if (child == 0) {
    char go;
    if (read(ends[0], &go, 1) != 1) _exit(8);
    printf("child: group is its own %d, session is the parent's %d\n", getpgrp() == getpid(),
           getsid(0) == getsid(getppid()));
    const pid_t session = setsid();
    printf("setsid: %d\n", session > 0);
    fflush(stdout);
    _exit(0);
  }
  printf("same group: %d\n", getpgid(child) == getpgrp());
  SHOW("setpgid of the child", setpgid(child, child));
  printf("own group: %d\n", getpgid(child) == child);
  SHOW("setpgid into nothing", setpgid(child, 77777));
  SHOW("setpgid negative", setpgid(child, -1));
  SHOW("setpgid of a stranger", setpgid(77777, 0));
  SHOW("getpgid of nobody", getpgid(77777));
  SHOW("getsid of nobody", getsid(77777));
  SHOW("a group is killed with 0", kill(-child, 0));
  SHOW("nobody", kill(77777, 0));
  SHOW("no such group", kill(-77777, 0));
  SHOW("no such signal", kill(child, 65));
  fflush(stdout);
  if (write(ends[1], "x", 1) != 1) return;
  wait_for("leader of a group", child);
  close(ends[0]);
  close(ends[1]);
}

/// Runs `body` in a child that gave up its user for `user`: what it returned.
static int as_user(uid_t user, int (*body)(pid_t), pid_t argument) {
  const pid_t child = fork();
  if (child == 0) _exit(setresuid(user, user, user) == 0 ? body(argument) : 100);
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}
static int try_kill(pid_t to) { return kill(to, 0) == 0 ? 0 : errno; }

/// Only root can become somebody else.
static void users(void) {
  if (geteuid() != 0) return;
  int ends[2];
  if (pipe(ends) != 0) return;
  const pid_t child = fork();
  if (child == 0) {
    if (setresuid(1000, 1001, 1002) != 0 || write(ends[1], "u", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte = 0;
  if (read(ends[0], &byte, 1) != 1) return;
  for (uid_t user = 999; user <= 1003; ++user) {
    printf("kill by user %u: %d\n", (unsigned)user, as_user(user, try_kill, child));
  }
  kill(child, SIGTERM);
  siginfo_t info;
  memset(&info, 0, sizeof info);
  waitid(P_PID, child, &info, WEXITED);
  printf("its user %d\n", (int)info.si_uid);
  close(ends[0]);
  close(ends[1]);
}

static void orphans(void) {
  int ends[2];
  if (pipe(ends) != 0) return;
  const pid_t middle = fork();
  if (middle == 0) {
    if (fork() == 0) {
      usleep(5000);
      if (write(ends[1], "o", 1) != 1) _exit(1);
      _exit(0);
    }
    _exit(4);
  }
  wait_for("middle", middle);
  char byte = 0;
  printf("an orphan lives on: %zd\n", read(ends[0], &byte, 1));
  close(ends[0]);
  close(ends[1]);

  SHOW("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
  const pid_t second = fork();
  if (second == 0) {
    if (fork() == 0) {
      usleep(20000);
      _exit(6);
    }
    _exit(5);
  }
  wait_for("second", second);
  int status = 0;
  const pid_t adopted = wait(&status);
  printf("adopted: %d\n", adopted > 0 && adopted != second);
  show_status("adopted", status);
  prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

static void directories(void) {
  char before[4096], after[4096];
  if (getcwd(before, sizeof before) == NULL) return;
  const mode_t mask = umask(022);
  const pid_t child = fork();
  if (child == 0) {
    umask(077);
    _exit(chdir("/") == 0 ? 0 : 1);
  }
  wait_for("chdir", child);
  printf("directory stays: %d\n",
         getcwd(after, sizeof after) != NULL && strcmp(before, after) == 0);
  printf("umask stays: %o\n", umask(mask));
}

static void many(void) {
  enum { kMany = 60 };
  pid_t children[kMany];
  for (int i = 0; i < kMany; ++i) {
    children[i] = fork();
    if (children[i] == 0) _exit(i);
  }
  int good = 0;
  for (int i = kMany - 1; i >= 0; --i) {
    int status;
    good += waitpid(children[i], &status, 0) == children[i] && WEXITSTATUS(status) == i;
  }
  printf("%d of %d\n", good, kMany);
}

int main(int count, char** arguments, char** environment) {
  if (count > 1 && strcmp(arguments[1], "exec-child") == 0) {
    return exec_child(count, arguments, environment);
  }
  setvbuf(stdout, NULL, _IONBF, 0);
  waits();
  copies();
  statuses();
  stops();
  child_signals();
  shared_memory_child();
  clones();
  execs("/proc/self/exe");
  groups();
  users();
  orphans();
  directories();
  many();
  return 0;
}
