// POSIX record locks: between processes, at close, fork, exec and exit, and their errors.
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static char path[] = "/tmp/gonzo-record-locks-XXXXXX";

static int lock(int fd, int command, short type, short whence, off_t start, off_t length) {
  struct flock what = {.l_type = type, .l_whence = whence, .l_start = start, .l_len = length};
  return fcntl(fd, command, &what);
}

static int open_file(int flags) {
  const int fd = open(path, flags);
  if (fd < 0) die("open");
  return fd;
}

// What another process would meet; `owner` is who should have it.
static void meet(const char* what, short type, off_t start, off_t length, pid_t owner) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    const int fd = open_file(O_RDWR);
    struct flock found = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length, .l_pid = 77};
    SHOW(what, fcntl(fd, F_GETLK, &found));
    if (found.l_type == F_UNLCK) {
      printf("  free, %d %ld %ld %d\n", found.l_whence, (long)found.l_start, (long)found.l_len, (int)found.l_pid);
    } else {
      printf("  %s at %ld for %ld, %s\n", found.l_type == F_RDLCK ? "read" : "write", (long)found.l_start,
             (long)found.l_len, found.l_pid == owner ? "whose it is" : "of another");
    }
    SHOW("  taking it", lock(fd, F_SETLK, type, SEEK_SET, start, length));
    exit(0);
  }
  waitpid(child, NULL, 0);
}

static void ranges(void) {
  const pid_t self = getpid();
  const int fd = open_file(O_RDWR);
  SHOW("write 10..19", lock(fd, F_SETLK, F_WRLCK, SEEK_SET, 10, 10));
  SHOW("read 30..39", lock(fd, F_SETLK, F_RDLCK, SEEK_SET, 30, 10));
  meet("read 0..9", F_RDLCK, 0, 10, self);
  meet("read 15", F_RDLCK, 15, 1, self);
  meet("write 35", F_WRLCK, 35, 1, self);
  meet("read 35", F_RDLCK, 35, 1, self);
  meet("write to the end", F_WRLCK, 20, 0, self);
  SHOW("unlock 12..13", lock(fd, F_SETLK, F_UNLCK, SEEK_SET, 12, 2));
  meet("write 12", F_WRLCK, 12, 2, self);
  meet("write 14", F_WRLCK, 14, 2, self);
  SHOW("make it a read", lock(fd, F_SETLK, F_RDLCK, SEEK_SET, 0, 0));
  meet("read all", F_RDLCK, 0, 0, self);
  meet("write all", F_WRLCK, 0, 0, self);
  struct flock own = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  SHOW("one's own", fcntl(fd, F_GETLK, &own));
  SHOW("  is none", own.l_type == F_UNLCK);
  lseek(fd, 100, SEEK_SET);
  SHOW("unlock all", lock(fd, F_SETLK, F_UNLCK, SEEK_SET, 0, 0));
  SHOW("from here back", lock(fd, F_SETLK, F_WRLCK, SEEK_CUR, -10, -5));
  meet("at 85", F_WRLCK, 85, 1, self);
  meet("at 90", F_WRLCK, 90, 1, self);
  SHOW("behind the end", lock(fd, F_SETLK, F_WRLCK, SEEK_END, 5, 5));
  meet("at 1005", F_WRLCK, 1005, 0, self);
  SHOW("lockf", lockf(fd, F_TEST, 10));
  close(fd);
}

static void closing(void) {
  const pid_t self = getpid();
  const int first = open_file(O_RDWR), second = open_file(O_RDONLY), third = dup(first);
  SHOW("lock", lock(first, F_SETLK, F_WRLCK, SEEK_SET, 0, 0));
  SHOW("the same by another", lock(second, F_SETLK, F_RDLCK, SEEK_SET, 0, 5));
  SHOW("and back", lock(third, F_SETLK, F_WRLCK, SEEK_SET, 0, 5));
  meet("before the close", F_RDLCK, 0, 1, self);
  close(second);
  meet("after another's close", F_RDLCK, 0, 1, self);
  SHOW("lock", lock(first, F_SETLK, F_WRLCK, SEEK_SET, 0, 0));
  close(third);
  meet("after a copy's close", F_RDLCK, 0, 1, self);
  SHOW("lock", lock(first, F_SETLK, F_WRLCK, SEEK_SET, 0, 0));
  const int fourth = open_file(O_RDONLY), other = open("/dev/null", O_RDONLY);
  dup2(other, fourth);
  meet("after one was replaced", F_RDLCK, 0, 1, self);
  close(other);
  close(fourth);
  close(first);
}

// A child has none of its parent's locks; its end gives its own back.
static void children(void) {
  const int fd = open_file(O_RDWR);
  SHOW("lock", lock(fd, F_SETLK, F_WRLCK, SEEK_SET, 0, 5));
  fflush(stdout);
  int ends[2], back[2];
  if (pipe(ends) != 0 || pipe(back) != 0) die("pipe");
  const pid_t child = fork();
  if (child == 0) {
    SHOW("parent's", lock(fd, F_SETLK, F_WRLCK, SEEK_SET, 0, 5));
    SHOW("unlock", lock(fd, F_SETLK, F_UNLCK, SEEK_SET, 0, 0));
    SHOW("still parent's", lock(fd, F_SETLK, F_WRLCK, SEEK_SET, 0, 5));
    SHOW("own", lock(fd, F_SETLK, F_WRLCK, SEEK_SET, 5, 5));
    fflush(stdout);
    // exec keeps what it does not close.
    char in[12], out[12];
    snprintf(in, sizeof in, "%d", back[0]);
    snprintf(out, sizeof out, "%d", ends[1]);
    execl("/proc/self/exe", "record_locks", in, out, NULL);
    _exit(1);
  }
  char byte;
  if (read(ends[0], &byte, 1) != 1) die("read");
  meet("after exec", F_WRLCK, 5, 1, child);
  if (write(back[1], "x", 1) != 1) die("write");
  SHOW("wait for it", lock(fd, F_SETLKW, F_WRLCK, SEEK_SET, 5, 5));
  waitpid(child, NULL, 0);
  close(fd);
}

static void nothing(int signal) { (void)signal; }

static void interrupted(void) {
  const int fd = open_file(O_RDWR);
  SHOW("lock", lock(fd, F_SETLK, F_WRLCK, SEEK_SET, 0, 0));
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    struct sigaction action = {.sa_handler = nothing};
    sigaction(SIGALRM, &action, NULL);
    ualarm(20000, 20000);
    SHOW("interrupted", lock(fd, F_SETLKW, F_WRLCK, SEEK_SET, 0, 1));
    exit(0);
  }
  waitpid(child, NULL, 0);
  close(fd);
}

static void errors(void) {
  const int reader = open_file(O_RDONLY), writer = open_file(O_WRONLY), name = open(path, O_PATH);
  SHOW("write on a reader", lock(reader, F_SETLK, F_WRLCK, SEEK_SET, 0, 0));
  SHOW("read on a writer", lock(writer, F_SETLK, F_RDLCK, SEEK_SET, 0, 0));
  SHOW("on a name", lock(name, F_SETLK, F_RDLCK, SEEK_SET, 0, 0));
  SHOW("ask on a reader", lock(reader, F_GETLK, F_WRLCK, SEEK_SET, 0, 0));
  SHOW("type", lock(reader, F_SETLK, 7, SEEK_SET, 0, 0));
  SHOW("type asked for", lock(reader, F_GETLK, F_UNLCK, SEEK_SET, 0, 0));
  SHOW("whence", lock(reader, F_SETLK, F_RDLCK, 7, 0, 0));
  SHOW("before the start", lock(reader, F_SETLK, F_RDLCK, SEEK_SET, -1, 0));
  SHOW("length before the start", lock(reader, F_SETLK, F_RDLCK, SEEK_SET, 5, -6));
  SHOW("too long", lock(reader, F_SETLK, F_RDLCK, SEEK_SET, LONG_MAX, 2));
  SHOW("too far", lock(reader, F_SETLK, F_RDLCK, SEEK_END, LONG_MAX, 1));
  SHOW("the last byte", lock(reader, F_SETLK, F_RDLCK, SEEK_SET, LONG_MAX, 1));
  SHOW("type and mode", lock(reader, F_SETLK, F_WRLCK, 7, 0, 0));
  SHOW("pointer", fcntl(reader, F_SETLK, (struct flock*)8));
  SHOW("pointer of a bad descriptor", fcntl(99, F_SETLK, (struct flock*)8));
  int ends[2];
  if (pipe(ends) != 0) die("pipe");
  SHOW("a pipe", lock(ends[0], F_SETLK, F_RDLCK, SEEK_SET, 0, 0));
  close(ends[0]);
  close(ends[1]);
  close(reader);
  close(writer);
  close(name);
}

int main(int argc, char** argv) {
  if (argc == 3) {  // after exec: tells, waits
    char byte;
    return write(atoi(argv[2]), "x", 1) == 1 && read(atoi(argv[1]), &byte, 1) == 1 ? 0 : 1;
  }
  const int fd = mkstemp(path);
  if (fd < 0 || ftruncate(fd, 1000) != 0) die("mkstemp");
  close(fd);
  ranges();
  closing();
  children();
  interrupted();
  errors();
  unlink(path);
  return 0;
}
