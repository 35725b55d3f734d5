// How willing a process is to be chosen: oom_score_adj and its older form, read, written,
// inherited.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char* name) {
  char path[64], text[64] = "";
  snprintf(path, sizeof path, "/proc/self/%s", name);
  int fd = open(path, O_RDONLY);
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  printf("%s %zd %s", name, n, n > 0 ? text : "\n");
}

static void put(const char* name, const char* text) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/%s", name);
  int fd = open(path, O_WRONLY);
  errno = 0;
  ssize_t n = write(fd, text, strlen(text));
  printf("%s <- %.*s: %zd %s\n", name, (int)strcspn(text, "\n"), text, n, strerror(errno));
  close(fd);
}

int main(int argc, char** argv) {
  (void)argv;
  setvbuf(stdout, NULL, _IONBF, 0);
  if (argc > 1) {
    show("oom_score_adj");
    return 0;
  }
  static const char* const values[] = {"0", "500\n", "1000", "1001", "-1001", "x",
                                       "",  " 7 \n", "7x",   "+9",   "12 3",  "1000\n"};
  for (size_t i = 0; i < sizeof values / sizeof *values; ++i) {
    put("oom_score_adj", values[i]);
    show("oom_score_adj");
    show("oom_adj");
  }
  static const char* const old[] = {"15", "14", "16", "15"};
  for (size_t i = 0; i < sizeof old / sizeof *old; ++i) {
    put("oom_adj", old[i]);
    show("oom_score_adj");
    show("oom_adj");
  }
  put("oom_score_adj", "900");
  pid_t child = fork();
  if (child == 0) {
    show("oom_score_adj");
    put("oom_score_adj", "950");
    execl("/proc/self/exe", "oom_score", "again", NULL);
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  show("oom_score_adj");
  return 0;
}
