// RLIMIT_FSIZE: what may grow how far, and the signal.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kLimit = 10000 };

static volatile sig_atomic_t signals;
static volatile int signal_code, from_self;
static char bytes[16384];

static void count(int number, siginfo_t* info, void* context) {
  (void)number, (void)context;
  ++signals;
  signal_code = info->si_code;
  from_self = info->si_pid == getpid();
}

static off_t size_of(int fd) {
  struct stat status;
  fstat(fd, &status);
  return status.st_size;
}

/// What a call gave, the signals since the last one, and how large the file is.
static void tell(const char* what, long result, int fd) {
  int error = errno;
  printf("%s: %ld %s, %d signals", what, result, result < 0 ? strerror(error) : "", (int)signals);
  printf(", size %ld, position %ld\n", (long)size_of(fd), (long)lseek(fd, 0, SEEK_CUR));
  signals = 0;
}

static int temporary(void) {
  char name[] = "/tmp/gonzo-limit-XXXXXX";
  int fd = mkstemp(name);
  if (fd < 0) exit(1);
  unlink(name);
  return fd;
}

static void set_limit(rlim_t bytes_at_most) {
  struct rlimit limit;
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes_at_most;
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) perror("setrlimit");
}

static void writes(int fd) {
  tell("write below", write(fd, bytes, 9000), fd);
  tell("write across", write(fd, bytes, 9000), fd);
  tell("write at", write(fd, bytes, 1), fd);
  tell("write nothing", write(fd, bytes, 0), fd);
  tell("pwrite across", pwrite(fd, bytes, 9000, 5000), fd);
  tell("pwrite past", pwrite(fd, bytes, 1, 20000), fd);
  tell("pwrite before 0", pwrite(fd, bytes, 1, -1), fd);
  struct iovec pieces[] = {{bytes, 700}, {bytes, 700}};
  tell("pwritev across", pwritev(fd, pieces, 2, kLimit - 1000), fd);
  tell("pwritev2, appended", pwritev2(fd, pieces, 2, 0, RWF_APPEND), fd);
  fcntl(fd, F_SETFL, O_APPEND);
  lseek(fd, 0, SEEK_SET);
  tell("write, appended", write(fd, bytes, 1), fd);
  tell("cut", ftruncate(fd, kLimit - 10), fd);
  tell("write, appended below", write(fd, bytes, 100), fd);
  fcntl(fd, F_SETFL, 0);
}

static void sizes(int fd) {
  tell("ftruncate to", ftruncate(fd, kLimit), fd);
  tell("ftruncate past", ftruncate(fd, kLimit + 1), fd);
  tell("ftruncate before 0", ftruncate(fd, -1), fd);
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  tell("truncate past", truncate(name, kLimit + 1), fd);
  tell("truncate to", truncate(name, 5000), fd);
  tell("fallocate past", fallocate(fd, 0, 5000, 6000), fd);
  tell("fallocate to", fallocate(fd, 0, 5000, 5000), fd);
  set_limit(4000);
  tell("ftruncate between", ftruncate(fd, 6000), fd);
  set_limit(kLimit);
}

static void copies(int fd) {
  int from = temporary();
  set_limit(RLIM_INFINITY);
  tell("without a limit", write(from, bytes, sizeof bytes), from);
  set_limit(kLimit);
  lseek(from, 0, SEEK_SET);
  if (ftruncate(fd, 0) != 0) perror("ftruncate");
  lseek(fd, 8000, SEEK_SET);
  tell("sendfile across", sendfile(fd, from, NULL, 3000), fd);
  tell("sendfile at", sendfile(fd, from, NULL, 3000), fd);
  off_t last = sizeof bytes - 2000;
  lseek(fd, 8000, SEEK_SET);
  tell("sendfile of just as much as is left", sendfile(fd, from, &last, 3000), fd);
  off64_t zero = 0, out = 9000;
  tell("copy_file_range across", copy_file_range(from, &zero, fd, &out, 3000, 0), fd);
  printf("it ended at %ld\n", (long)out);
  tell("copy_file_range at", copy_file_range(from, &zero, fd, &out, 3000, 0), fd);
  close(from);
}

static void others(int fd) {
  int ends[2], memory = memfd_create("limited", 0), device = open("/dev/null", O_WRONLY);
  if (pipe(ends) != 0) exit(1);
  // What is printed may go to a file as well.
  set_limit(0);
  long to_pipe = write(ends[1], bytes, 100), to_device = write(device, bytes, 100);
  long at_once = write(fd, bytes, 1), to_memory = write(memory, bytes, 1);
  set_limit(kLimit);
  printf("a pipe takes %ld, a device %ld, files %ld and %ld\n", to_pipe, to_device, at_once,
         to_memory);
  tell("of them", 2, fd);
  int reader = open("/proc/self/exe", O_RDONLY);
  lseek(reader, 0, SEEK_END);
  tell("what is read only", write(reader, bytes, 1), fd);
  lseek(fd, kLimit, SEEK_SET);
  pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_DFL);
    (void)!write(fd, bytes, 1);
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  printf("by default: signal %d\n", WTERMSIG(status));
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct sigaction action = {.sa_sigaction = count, .sa_flags = SA_SIGINFO};
  sigaction(SIGXFSZ, &action, NULL);
  int fd = temporary();
  set_limit(kLimit);
  writes(fd);
  printf("the signal: code %d, from this process %d\n", signal_code, from_self);
  sizes(fd);
  copies(fd);
  others(fd);
  return 0;
}
