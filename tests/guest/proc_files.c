// /proc besides the memory's own files: names, directories, descriptors, the machine's lines.
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static char text[1 << 18];

static long slurp(const char *name) {
  int fd = open(name, O_RDONLY);
  if (fd < 0) return -1;
  long size = 0, count;
  while ((count = read(fd, text + size, sizeof text - 1 - size)) > 0) size += count;
  text[size] = 0;
  close(fd);
  return size;
}

// Numbers, and the blanks before them, become one 0.
static void show_shape(const char *name) {
  if (slurp(name) < 0) {
    printf("%s: %s\n", name, strerrorname_np(errno));
    return;
  }
  char *out = text;
  for (char *in = text; *in; ++in) {
    if (*in < '0' || *in > '9') {
      *out++ = *in;
      continue;
    }
    if (out > text && out[-1] == '0') continue;
    while (out > text && out[-1] == ' ') --out;
    *out++ = '0';
  }
  *out = 0;
  printf("== %s\n%s", name, text);
}

// The lines up to a colon, or their first word.
static void show_keys(const char *name) {
  slurp(name);
  printf("== %s\n", name);
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
    printf("%.*s\n", (int)strcspn(line, ": 0123456789"), line);
}

static void show_listing(const char *name, const char *pid) {
  DIR *directory = opendir(name);
  if (!directory) {
    printf("%s: %s\n", name, strerrorname_np(errno));
    return;
  }
  printf("%s:", name);
  struct dirent *entry;
  int own = 0;
  while ((entry = readdir(directory)) != NULL) {
    if (strstr(name, "fd") == NULL && strcmp(entry->d_name, pid) == 0) {
      own = entry->d_type == DT_DIR;
      continue;
    }
    if (strcmp(name, "/proc") == 0) continue;
    printf(" %s(%d)", entry->d_name, entry->d_type);
  }
  printf("%s\n", own ? " and our own" : "");
  closedir(directory);
}

static void names(void) {
  char pid[32], name[64], target[256];
  snprintf(pid, sizeof pid, "%d", getpid());
  show_listing("/proc", pid);
  show_listing("/proc/self/task", pid);
  for (int fd = 3; fd < 1024; ++fd) close(fd);
  int null = open("/dev/null", O_RDONLY);
  dup2(null, 40);
  show_listing("/proc/self/fd", pid);
  show_listing("/dev/fd", pid);
  show_listing("/proc/self/fdinfo", pid);
  struct stat status;
  snprintf(name, sizeof name, "/proc/%d/fd", getpid());
  SHOW("stat fd", stat(name, &status));
  printf("size %ld, mode %o\n", (long)status.st_size, status.st_mode);
  SHOW("readlink self", readlink("/proc/self", target, sizeof target) == (long)strlen(pid));
  ssize_t length = readlink("/proc/self/fd/40", target, sizeof target);
  printf("fd 40 is %.*s\n", (int)length, target);
  SHOW("no such descriptor", open("/proc/self/fd/77", O_RDONLY));
  SHOW("no such process", open("/proc/999999/maps", O_RDONLY));
  SHOW("no such thread", open("/proc/self/task/999999/maps", O_RDONLY));
  SHOW("no such file", open("/proc/self/nothing", O_RDONLY));
  SHOW("create", open("/proc/self/nothing", O_RDWR | O_CREAT, 0600));
  SHOW("create what is there", open("/proc/self/maps", O_RDWR | O_CREAT | O_EXCL, 0600));
  SHOW("as a directory", open("/proc/self/maps", O_RDONLY | O_DIRECTORY));
  SHOW("stat maps", stat("/proc/self/maps", &status));
  printf("size %ld, mode %o\n", (long)status.st_size, status.st_mode);
  SHOW("unlink", unlink("/proc/self/maps"));
  SHOW("chdir", chdir("/proc/self/task"));
  SHOW("getcwd", getcwd(target, sizeof target) != NULL);
  snprintf(name, sizeof name, "/proc/%d/task", getpid());
  printf("as expected: %d\n", strcmp(name, target) == 0);
  snprintf(name, sizeof name, "%d/maps", getpid());
  SHOW("relative", access(name, R_OK));
  SHOW("up", access("../../self/smaps", R_OK));
  SHOW("chdir back", chdir("/"));
  int maps = open("/proc/self/maps", O_RDONLY);
  snprintf(name, sizeof name, "/proc/self/fd/%d", maps);
  long size = slurp("/proc/self/maps"), again = slurp(name);
  printf("through its descriptor: %d\n", size == again);
  int out = open("/tmp", O_TMPFILE | O_RDWR, 0600), pipes[2];
  if (pipe(pipes) != 0) die("pipe");
  SHOW("sendfile", sendfile(out, maps, NULL, 100));
  SHOW("copy_file_range", copy_file_range(maps, NULL, out, NULL, 100, 0));
  SHOW("splice", splice(maps, NULL, pipes[1], NULL, 100, 0));
}

static void comm(void) {
  int fd = open("/proc/self/comm", O_RDWR);
  SHOW("name", write(fd, "a-name-that-is-too-long", 23));
  slurp("/proc/self/comm");
  printf("%s", text);
  SHOW("name", pwrite(fd, "short", 5, 0));
  slurp("/proc/thread-self/comm");
  printf("%s", text);
  SHOW("bad pointer", write(fd, (void *)8, 5));
}

// How long memory was short. The host may have none, or a kernel without.
static void pressure(void) {
  show_shape("/proc/pressure/memory");
  struct stat status;
  if (stat("/proc/pressure/memory", &status) != 0) return;
  printf("size %ld, mode %o\n", (long)status.st_size, status.st_mode);
  const int fd = open("/proc/pressure/memory", O_RDONLY);
  SHOW("not for writing", write(fd, "some 150000 1000000", 20));
  close(fd);
  SHOW("no such resource", open("/proc/pressure/patience", O_RDONLY));
}

// A slash behind a name asks for a directory.
static void slashes(void) {
  static const char *const kNames[] = {
      "/proc/self/maps/", "/proc/self/maps/.", "/proc/self/status//", "/proc/meminfo/", "/proc/self/fd/",
      "/proc/self/fd/.",  "/proc/self/task/",  "/proc/self/",         "/proc/",         "/proc/self/exe/",
      "/proc/self/cwd/",  "/proc/self/fd/40/", "/proc/self/attr/",    "/proc/uptime/",  "/proc/nothing/"};
  int null = open("/dev/null", O_RDONLY);
  dup2(null, 40);
  for (unsigned i = 0; i < sizeof kNames / sizeof *kNames; ++i) {
    struct stat status;
    int fd = open(kNames[i], O_RDONLY);
    printf("open %s: %s\n", kNames[i], fd < 0 ? strerrorname_np(errno) : "is there");
    if (fd >= 0) close(fd);
    printf("stat %s: %s\n", kNames[i], stat(kNames[i], &status) != 0 ? strerrorname_np(errno) : "is there");
    printf("access %s: %s\n", kNames[i], access(kNames[i], R_OK) != 0 ? strerrorname_np(errno) : "may");
  }
  close(40);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  names();
  slashes();
  comm();
  show_keys("/proc/meminfo");
  show_keys("/proc/vmstat");
  show_keys("/proc/self/status");
  show_shape("/proc/self/statm");
  show_keys("/proc/self/smaps_rollup");
  pressure();
  return 0;
}
