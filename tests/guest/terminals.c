// Job control at a terminal that the program made itself: sessions, foreground and background
// groups, what keys send, hang-ups.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "check.h"

#ifndef TIOCSIG
#define TIOCSIG _IOW('T', 0x36, int)
#endif

static int master = -1;
static char name[64];

static void open_terminal(void) {
  master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0 || ptsname_r(master, name, sizeof name) != 0) die("pty");
}

static void key(char c) {
  if (write(master, &c, 1) != 1) die("key");
}

// A handshake with the child, beside the terminal.
static int to_child[2], to_parent[2];
static void tell(int fd) {
  if (write(fd, "", 1) != 1) die("tell");
}
static void await(int fd) {
  char c;
  if (read(fd, &c, 1) != 1) die("await");
}

static void describe_next(pid_t child, int events) {
  int status = 0;
  if (waitpid(child, &status, events) != child) die("waitpid");
  if (WIFSTOPPED(status)) printf("stopped by %d\n", WSTOPSIG(status));
  if (WIFCONTINUED(status)) printf("continued\n");
  if (WIFSIGNALED(status)) printf("killed by %d\n", WTERMSIG(status));
  if (WIFEXITED(status)) printf("exited with %d\n", WEXITSTATUS(status));
}

static void describe(pid_t child) { describe_next(child, WUNTRACED | WCONTINUED); }
// Who stops again at once may do so before it is seen to go on.
static void describe_stop(pid_t child) { describe_next(child, WUNTRACED); }

static volatile sig_atomic_t last, count;
static void note(int signal) {
  last = signal;
  ++count;
}

static void set_local(int slave, tcflag_t add, tcflag_t remove) {
  struct termios settings;
  tcgetattr(slave, &settings);
  settings.c_lflag = (settings.c_lflag | add) & ~remove;
  tcsetattr(slave, TCSANOW, &settings);
}

// The leader of a session, which gets the terminal by opening it.
static int lead(void) {
  SHOW("setsid", setsid() == getpid() ? 0 : -1);
  const int slave = open(name, O_RDWR);
  if (slave < 0) die("slave");
  return slave;
}

static void show_group(const char* what, int fd, pid_t first, pid_t second) {
  errno = 0;
  const pid_t group = tcgetpgrp(fd);
  if (group < 0)
    printf("%s: %s\n", what, strerrorname_np(errno));
  else
    printf("%s: %s\n", what, group == first ? "first" : group == second ? "second" : group == 0 ? "none" : "another");
}

static void ownership(void) {
  open_terminal();
  show_group("the master's, of nobody", master, -1, -1);
  const pid_t child = fork();
  if (child == 0) {
    SHOW("session of no terminal", open("/dev/tty", O_RDWR));
    setsid();
    SHOW("without one", open("/dev/tty", O_RDWR));
    int slave = open(name, O_RDWR | O_NOCTTY);
    show_group("not ours yet", slave, getpid(), 0);
    SHOW("session", tcgetsid(slave));
    SHOW("take it", ioctl(slave, TIOCSCTTY, 0));
    SHOW("again", ioctl(slave, TIOCSCTTY, 0));
    show_group("ours", slave, getpid(), 0);
    show_group("the master's", master, getpid(), 0);
    SHOW("session", tcgetsid(slave) == getpid());
    SHOW("the master's", tcgetsid(master) == getpid());
    SHOW("no group", ioctl(slave, TIOCSPGRP, &(pid_t){-1}));
    SHOW("nobody's group", tcsetpgrp(slave, 99999));
    SHOW("another session's", tcsetpgrp(slave, getppid()));
    const int tty = open("/dev/tty", O_RDWR);
    show_group("/dev/tty", tty, getpid(), 0);
      const pid_t inner = fork();
    if (inner == 0) {
      SHOW("no leader", ioctl(slave, TIOCSCTTY, 0));
      setpgid(0, 0);
      show_group("seen by the second", slave, getppid(), getpid());
      // In a session of its own it has none.
          if (fork() == 0) {
        setsid();
        show_group("seen by another session", slave, -1, -1);
        SHOW("take what is taken", ioctl(slave, TIOCSCTTY, 0));
        SHOW("drop what is not ours", ioctl(slave, TIOCNOTTY));
        exit(0);
      }
      wait(NULL);
      exit(0);
    }
    wait(NULL);
    signal(SIGHUP, note);
    signal(SIGCONT, note);
    count = 0;
    SHOW("drop it", ioctl(slave, TIOCNOTTY));
    printf("signals: %d, the last: %d\n", count, last);
    SHOW("gone", ioctl(slave, TIOCNOTTY));
    show_group("gone", slave, getpid(), 0);
    slave = open(name, O_RDONLY);
    show_group("by opening it", slave, getpid(), 0);
    exit(0);
  }
  describe(child);
  show_group("the master's, after its session", master, -1, -1);
  close(master);
}

static void keys(void) {
  open_terminal();
  const pid_t child = fork();
  if (child == 0) {
    const int slave = lead();
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGQUIT);
    sigaddset(&set, SIGWINCH);
    sigprocmask(SIG_BLOCK, &set, &old);
    signal(SIGWINCH, note);
    tell(to_parent[1]);
    siginfo_t info = {0};
    SHOW("^C", sigwaitinfo(&set, &info));
    printf("code %d, from %d\n", info.si_code == SI_KERNEL, info.si_pid);
    tell(to_parent[1]);
    SHOW("^\\", sigwaitinfo(&set, &info));
    tell(to_parent[1]);
    SHOW("of another size", sigwaitinfo(&set, &info));
    tell(to_parent[1]);
    SHOW("TIOCSIG", sigwaitinfo(&set, &info));
    // Quoted, and without ISIG, they are characters.
    set_local(slave, 0, ECHO);
    tell(to_parent[1]);
    char line[16] = "";
    SHOW("quoted", read(slave, line, sizeof line));
    printf("%d %d %d\n", line[0], line[1], line[2]);
    set_local(slave, 0, ISIG);
    tell(to_parent[1]);
    SHOW("without ISIG", read(slave, line, sizeof line));
    printf("%d %d\n", line[0], line[1]);
    struct termios settings;
    tcgetattr(slave, &settings);
    settings.c_lflag |= ISIG;
    settings.c_cc[VINTR] = 'x';
    tcsetattr(slave, TCSANOW, &settings);
    tell(to_parent[1]);
    SHOW("another key", sigwaitinfo(&set, &info));
    SHOW("the old one", read(slave, line, sizeof line));
    printf("%d %d\n", line[0], line[1]);
    sigset_t pending;
    sigpending(&pending);
    printf("more: %d %d\n", sigismember(&pending, SIGINT), sigismember(&pending, SIGQUIT));
    sigprocmask(SIG_SETMASK, &old, NULL);
    signal(SIGINT, SIG_DFL);
    tell(to_parent[1]);
    for (;;) pause();
  }
  await(to_parent[0]);
  key(3);
  await(to_parent[0]);
  key(28);
  await(to_parent[0]);
  const struct winsize size = {.ws_row = 11, .ws_col = 22};
  int results[4];
  results[0] = ioctl(master, TIOCSWINSZ, &size);
  results[1] = ioctl(master, TIOCSWINSZ, &size);
  await(to_parent[0]);
  results[2] = ioctl(master, TIOCSIG, SIGQUIT);
  results[3] = ioctl(master, TIOCSIG, SIGUSR1);
  await(to_parent[0]);
  if (write(master, "\026\003\n", 3) != 3) die("write");
  await(to_parent[0]);
  if (write(master, "\003\n", 2) != 2) die("write");
  await(to_parent[0]);
  if (write(master, "x\003\n", 3) != 3) die("write");
  await(to_parent[0]);
  key('x');
  describe(child);
  printf("results: %d %d %d %d\n", results[0], results[1], results[2], results[3]);
  close(master);
}

static void stop_and_go(void) {
  open_terminal();
  const pid_t shell = fork();
  if (shell == 0) {
    const int slave = lead();
    signal(SIGTTOU, SIG_IGN);
      const pid_t job = fork();
    if (job == 0) {
      setpgid(0, 0);
      tcsetpgrp(slave, getpid());
      signal(SIGTTOU, SIG_DFL);
      tell(to_parent[1]);
      char c;
      // The key stops it in here, and it goes on in the foreground.
      if (read(slave, &c, 1) != 1) die("read");
      printf("read: %c\n", c);
      tell(to_parent[1]);
          if (read(slave, &c, 1) != 1) die("read");
      for (;;) pause();
    }
    describe(job);
    show_group("the stopped one's still", slave, getpid(), job);
    SHOW("back", tcsetpgrp(slave, getpid()));
    // In the background it may not read.
    kill(-job, SIGCONT);
    describe_stop(job);
    SHOW("fg", tcsetpgrp(slave, job));
    kill(-job, SIGCONT);
    describe(job);
    tell(to_parent[1]);
    describe(job);
    show_group("whose group is gone", slave, getpid(), job);
    SHOW("back", tcsetpgrp(slave, getpid()));
    exit(0);
  }
  await(to_parent[0]);
  key(26);
  await(to_parent[0]);
  if (write(master, "a\n", 2) != 2) die("write");
  await(to_parent[0]);
  key(3);
  describe(shell);
  close(master);
}

static void background(void) {
  open_terminal();
  const pid_t shell = fork();
  if (shell == 0) {
    const int slave = lead();
      pid_t job = fork();
    if (job == 0) {
      setpgid(0, 0);
      tell(to_parent[1]);
      SHOW("writes", write(slave, "w", 1));
          set_local(slave, TOSTOP, 0);  // stops
      SHOW("writes", write(slave, "w", 1));
      exit(0);
    }
    await(to_parent[0]);
    describe(job);
    kill(job, SIGCONT);
    describe_stop(job);
    signal(SIGTTOU, SIG_IGN);
    set_local(slave, TOSTOP, 0);
    kill(job, SIGKILL);
    describe(job);
    signal(SIGTTOU, SIG_DFL);
    job = fork();
    if (job == 0) {
      setpgid(0, 0);
      (void)!write(slave, "w", 1);
      exit(0);
    }
    describe(job);
    kill(job, SIGKILL);
    describe(job);
      job = fork();
    if (job == 0) {
      setpgid(0, 0);
      char c;
      signal(SIGTTIN, SIG_IGN);
      signal(SIGTTOU, SIG_IGN);
      SHOW("ignored: read", read(slave, &c, 1));
      SHOW("ignored: write", write(slave, "w", 1));
      signal(SIGTTIN, SIG_DFL);
      sigset_t set;
      sigemptyset(&set);
      sigaddset(&set, SIGTTIN);
      sigprocmask(SIG_BLOCK, &set, NULL);
      SHOW("blocked: read", read(slave, &c, 1));
      sigprocmask(SIG_UNBLOCK, &set, NULL);
      // Of an orphaned group nobody could continue it.
      const pid_t parent = getpid();
      if (fork() == 0) {
        setpgid(0, 0);
        tell(to_child[1]);
        while (getppid() == parent) usleep(1000);
        await(to_parent[0]);
        signal(SIGTTOU, SIG_DFL);
        SHOW("orphaned: read", read(slave, &c, 1));
        SHOW("orphaned: write", write(slave, "w", 1));
        SHOW("orphaned: settings", tcflush(slave, TCIFLUSH));
        tell(to_child[1]);
        exit(0);
      }
      await(to_child[0]);
      _exit(0);
    }
    describe(job);
    tell(to_parent[1]);
    await(to_child[0]);
    exit(0);
  }
  describe(shell);
  close(master);
}

static void hang_up(void) {
  open_terminal();
  const pid_t shell = fork();
  if (shell == 0) {
    close(master);
    const int slave = lead();
    signal(SIGCONT, note);
    const pid_t job = fork();
    if (job == 0) {
      setpgid(0, 0);
      tell(to_child[1]);
      for (;;) pause();
    }
    await(to_child[0]);
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(slave, job);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    tell(to_parent[1]);
    siginfo_t info = {0};
    SHOW("hung up", sigwaitinfo(&set, &info));
    printf("code %d\n", info.si_code == SI_KERNEL);
    char c;
    SHOW("read", read(slave, &c, 1));
    SHOW("write", write(slave, &c, 1));
    show_group("no terminal any more", slave, getpid(), job);
    SHOW("/dev/tty", open("/dev/tty", O_RDWR));
    printf("continued: %d\n", last == SIGCONT);
    // The job hears of it when its session's leader ends.
    if (fork() == 0) {
      setpgid(0, job);
      sigprocmask(SIG_UNBLOCK, &set, NULL);
      tell(to_child[1]);
      for (;;) pause();
    }
    await(to_child[0]);
      _exit(kill(job, 0));
  }
  await(to_parent[0]);
  close(master);
  close(to_parent[1]);
  describe(shell);
  // The others hold the pipe: when it ends, so have they.
  char c;
  SHOW("all have ended", read(to_parent[0], &c, 1));
  if (pipe(to_parent) != 0) die("pipe");
}

static void leader_ends(void) {
  open_terminal();
  const pid_t shell = fork();
  if (shell == 0) {
    const int slave = lead();
    const pid_t job = fork();
    if (job == 0) {
      setpgid(0, 0);
      tell(to_parent[1]);
      for (;;) pause();
    }
    await(to_parent[0]);
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(slave, job);
      _exit(5);
  }
  close(to_parent[1]);
  describe(shell);
  char c;
  SHOW("its job has ended", read(to_parent[0], &c, 1));
  show_group("the master's", master, -1, -1);
  close(master);
}

int main(void) {
  if (pipe(to_child) != 0 || pipe(to_parent) != 0) die("pipe");
  setvbuf(stdout, NULL, _IONBF, 0);
  alarm(60);
  setsid();  // natively too it has no terminal
  ownership();
  keys();
  stop_and_go();
  background();
  hang_up();
  leader_ends();
  return 0;
}
