// Runs a command that may do harm, in a directory, and says whether it ended well.
//   confine DIRECTORY SECONDS COMMAND [ARGUMENT...]
// It can write nothing outside the directory: root becomes nobody first, and where the kernel has
// Landlock it holds anybody. Its files are small, its processes few; as root it has no network.
// Where neither holds a user, the status is 77 and the command is not run.
// Otherwise the status is the command's, or 125 with a line on stderr if a signal ended it, if it
// had to be killed after SECONDS, or if it left a process behind.
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kNobody = 65534, kNotConfined = 77, kBad = 125, kLongestFile = 1 << 29, kProcesses = 400 };

static void die(const char* what) {
  perror(what);
  exit(kBad);
}

/// Writing below `directory` only, and to devices that swallow it. False where there is no
/// Landlock.
static int restrict_writing(const char* directory) {
  static const uint64_t kTruncate = 1ULL << 14;  // Linux 6.2
  const struct landlock_ruleset_attr rules = {
      .handled_access_fs = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                           LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                           LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                           LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                           LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM | kTruncate};
  const int set = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
  if (set < 0) return 0;
  struct landlock_path_beneath_attr below = {
      .allowed_access = rules.handled_access_fs,
      .parent_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &below, 0) != 0)
    die("landlock_add_rule");
  static const char* const kDevices[] = {"/dev/null", "/dev/zero"};
  for (int i = 0; i < 2; i++) {
    below.allowed_access = LANDLOCK_ACCESS_FS_WRITE_FILE;
    below.parent_fd = open(kDevices[i], O_PATH | O_CLOEXEC);
    syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &below, 0);
  }
  if (syscall(SYS_landlock_restrict_self, set, 0) != 0) die("landlock_restrict_self");
  return 1;
}

static void confine(const char* directory) {
  const int root = geteuid() == 0;
  if (root) {
    if (unshare(CLONE_NEWNET | CLONE_NEWIPC) != 0) perror("unshare");
    if (chown(directory, kNobody, kNobody) != 0) die(directory);
    if (setgroups(0, NULL) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
        setresuid(kNobody, kNobody, kNobody) != 0)
      die("nobody");
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // /proc/self is its own
  }
  if (chdir(directory) != 0) die(directory);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("no_new_privs");
  if (!restrict_writing(directory) && !root) exit(kNotConfined);
  const struct rlimit file = {kLongestFile, kLongestFile}, none = {0, 0};
  const struct rlimit processes = {kProcesses, kProcesses};
  setrlimit(RLIMIT_FSIZE, &file);
  setrlimit(RLIMIT_CORE, &none);
  if (root) setrlimit(RLIMIT_NPROC, &processes);
}

/// Waits for `child`, or for anybody if it is 0, at most until `deadline`. 0: too late.
static pid_t wait_until(pid_t child, int* status, time_t deadline) {
  const struct timespec pause = {0, 2000000};
  for (;;) {
    const pid_t ended = waitpid(child == 0 ? -1 : child, status, WNOHANG);
    if (ended != 0) return ended;
    if (time(NULL) >= deadline) return 0;
    nanosleep(&pause, NULL);
  }
}

int main(int count, char** arguments) {
  if (count < 4) return 2;
  const time_t seconds = atoi(arguments[2]);
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  const pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    syscall(SYS_close_range, 3, ~0U, 0);
    confine(arguments[1]);
    setsid();
    execvp(arguments[3], arguments + 3);
    die(arguments[3]);
  }
  int status = 0, result = 0;
  if (wait_until(child, &status, time(NULL) + seconds) == 0) {
    fprintf(stderr, "confine: no end within %ld s\n", (long)seconds);
    result = kBad;
    kill(child, SIGABRT);
    waitpid(child, &status, 0);
  } else if (WIFSIGNALED(status)) {
    fprintf(stderr, "confine: killed by signal %d\n", WTERMSIG(status));
    result = kBad;
  }
  pid_t left;
  while ((left = wait_until(0, NULL, time(NULL) + 10)) > 0) {
  }
  if (left == 0) {
    fprintf(stderr, "confine: a process was left behind\n");
    kill(-child, SIGKILL);
    result = kBad;
  }
  return result != 0 ? result : WEXITSTATUS(status);
}
