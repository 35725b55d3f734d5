// /proc about other processes: a sleeping child, the same as a zombie and gone, another user's.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static const char* const kFiles[] = {
    "auxv",   "clear_refs", "cmdline",   "comm",     "environ",     "limits",   "maps",
    "mem",    "numa_maps",  "oom_score", "pagemap",  "personality", "smaps",    "smaps_rollup",
    "stat",   "statm",      "status",    "cgroup",   "wchan",       "loginuid", "fd",
    "fdinfo", "task",       "fd/0",      "fdinfo/0", "nothing"};
enum { kCount = sizeof kFiles / sizeof *kFiles };

static const char* name_of(int pid, const char* file) {
  static char name[128];
  snprintf(name, sizeof name, "/proc/%d/%s", pid, file);
  return name;
}

static const char* word(long result) {
  return result < 0 ? strerrorname_np(errno) : result > 0 ? "something" : "nothing";
}

static int entries(int pid, const char* directory) {
  DIR* opened = opendir(name_of(pid, directory));
  if (!opened) return -1;
  int count = 0;
  while (readdir(opened) != NULL) ++count;
  closedir(opened);
  return count;
}

static void show_all(const char* who, int pid) {
  printf("== %s\n", who);
  for (int i = 0; i < kCount; ++i) {
    struct stat status;
    char bytes[256];
    printf("%s: ", kFiles[i]);
    if (stat(name_of(pid, kFiles[i]), &status) != 0) {
      printf("stat %s, ", strerrorname_np(errno));
    } else {
      printf("mode %o of %d, ", status.st_mode, (int)status.st_uid);
    }
    int fd = open(name_of(pid, kFiles[i]), O_RDONLY);
    printf("open %s", fd < 0 ? strerrorname_np(errno) : "ok");
    if (fd >= 0 && strcmp(kFiles[i], "fd/0") != 0) printf(", read %s", word(read(fd, bytes, 256)));
    puts("");
    if (fd >= 0) close(fd);
  }
  const char* const links[] = {"exe", "cwd", "root"};
  for (int i = 0; i < 3; ++i) {
    char target[512];
    printf("%s: %s, ", links[i], word(readlink(name_of(pid, links[i]), target, sizeof target)));
    printf("followed %s\n", word(access(name_of(pid, links[i]), F_OK)));
  }
  printf("entries: fd %d, fdinfo %d, task %d\n", entries(pid, "fd"), entries(pid, "fdinfo"),
         entries(pid, "task"));
}

static void show_line(int pid, const char* file, const char* start) {
  static char text[1 << 16];
  int fd = open(name_of(pid, file), O_RDONLY);
  long size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  text[size < 0 ? 0 : size] = 0;
  for (char* line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
    if (strncmp(line, start, strlen(start)) == 0) printf("%s\n", line);
}

// The letter, the name, whether the numbers of its family are as they should be.
static char show_stat(int pid) {
  char line[1024], name[64], state = '?';
  int fd = open(name_of(pid, "stat"), O_RDONLY), read_pid, parent, group, session, threads;
  long size = read(fd, line, sizeof line - 1), virtual, resident;
  line[size < 0 ? 0 : size] = 0;
  close(fd);
  sscanf(line,
         "%d (%[^)]) %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d %*d %*u "
         "%ld %ld",
         &read_pid, name, &state, &parent, &group, &session, &threads, &virtual, &resident);
  printf("stat: %d %s %c parent %d group %d session %d threads %d, memory %d %d\n", read_pid == pid,
         name, state, parent == getpid(), group == getpgrp(), session == getsid(0), threads,
         virtual != 0, resident != 0);
  return state;
}

static void await_state(int pid, char wanted) {
  for (;;) {
    char line[512], state = 0;
    int fd = open(name_of(pid, "stat"), O_RDONLY);
    line[read(fd, line, sizeof line - 1)] = 0;
    close(fd);
    sscanf(strrchr(line, ')') + 2, "%c", &state);
    if (state == wanted) return;
    usleep(1000);
  }
}

static void show_open(const char* when, const int* fds) {
  printf("== opened before, now %s\n", when);
  for (int i = 0; i < kCount; ++i) {
    char bytes[256];
    // At 0 there is nothing in mem, of the living at least.
    if (fds[i] < 0 || strncmp(kFiles[i], "fd/", 3) == 0 || strcmp(kFiles[i], "cgroup") == 0)
      continue;
    if (strcmp(kFiles[i], "wchan") == 0 || strcmp(kFiles[i], "loginuid") == 0) continue;
    printf("%s: %s\n", kFiles[i], word(pread(fds[i], bytes, sizeof bytes, 0)));
  }
}

static volatile int* shared;

static int start_sleeper(int* end) {
  int ends[2];
  if (pipe(ends) != 0) die("pipe");
  fflush(stdout);
  int pid = fork();
  if (pid == 0) {
    prctl(PR_SET_NAME, "sleeper");
    close(ends[1]);
    char byte;
    while (read(ends[0], &byte, 1) < 0) {
    }
    _exit(3);
  }
  close(ends[0]);
  *end = ends[1];
  await_state(pid, 'S');
  return pid;
}

static int is_listed(int pid) {
  DIR* directory = opendir("/proc");
  char name[16];
  snprintf(name, sizeof name, "%d", pid);
  int found = 0;
  struct dirent* entry;
  while ((entry = readdir(directory)) != NULL) found += strcmp(entry->d_name, name) == 0;
  closedir(directory);
  return found;
}

static void memory_of_another(int pid) {
  char bytes[16] = "";
  static char here[16] = "before";
  int fd = open(name_of(pid, "mem"), O_RDWR);
  SHOW("pread mem", pread(fd, bytes, sizeof here, (off_t)(size_t)here));
  printf("%s\n", bytes);
  SHOW("pwrite mem", pwrite(fd, "after", 6, (off_t)(size_t)here));
  SHOW("pread mem", pread(fd, bytes, sizeof here, (off_t)(size_t)here));
  printf("%s, and here %s\n", bytes, here);
  SHOW("pread nothing", pread(fd, bytes, 1, 0));
  close(fd);
  unsigned long page = (unsigned long)(size_t)here / 4096, entry = 0;
  fd = open(name_of(pid, "pagemap"), O_RDONLY);
  SHOW("pagemap", pread(fd, &entry, 8, (off_t)(page * 8)));
  printf("present %d\n", (int)(entry >> 63));
  close(fd);
  fd = open(name_of(pid, "comm"), O_WRONLY);
  SHOW("write comm", write(fd, "other", 5));
  close(fd);
  fd = open(name_of(pid, "clear_refs"), O_WRONLY);
  SHOW("write clear_refs", write(fd, "1", 1));
  close(fd);
}

static void one_life(void) {
  int end, fds[kCount], pid = start_sleeper(&end);
  printf("listed %d\n", is_listed(pid));
  show_all("a child", pid);
  show_stat(pid);
  show_line(pid, "status", "Name:");
  show_line(pid, "status", "State:");
  show_line(pid, "status", "Threads:");
  show_line(pid, "limits", "Max open files");
  memory_of_another(pid);
  char own[4096], its[4096];
  int a = open("/proc/self/cmdline", O_RDONLY), b = open(name_of(pid, "cmdline"), O_RDONLY);
  long size = read(a, own, sizeof own);
  printf("the same command line: %d\n",
         read(b, its, sizeof its) == size && memcmp(own, its, size) == 0);
  readlink("/proc/self/exe", own, sizeof own);
  size = readlink(name_of(pid, "exe"), its, sizeof its);
  printf("the same program: %d\n", size > 0 && memcmp(own, its, size) == 0);
  SHOW("no such thread", open(name_of(pid, "task/1234567/maps"), O_RDONLY));
  SHOW("not its thread", open(name_of(getpid(), "task/self/maps"), O_RDONLY));

  kill(pid, SIGSTOP);
  await_state(pid, 'T');
  show_line(pid, "status", "State:");
  kill(pid, SIGCONT);
  await_state(pid, 'S');

  for (int i = 0; i < kCount; ++i) fds[i] = open(name_of(pid, kFiles[i]), O_RDONLY);
  int directory = open(name_of(pid, ""), O_RDONLY | O_DIRECTORY);
  SHOW("by its directory", faccessat(directory, "maps", R_OK, 0));
  close(end);
  siginfo_t info;
  waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
  printf("listed %d\n", is_listed(pid));
  show_open("a zombie", fds);
  show_all("a zombie", pid);
  show_stat(pid);
  show_line(pid, "status", "Name:");
  show_line(pid, "status", "State:");
  show_line(pid, "status", "Threads:");
  show_line(pid, "status", "Vm");
  show_line(pid, "statm", "");
  waitpid(pid, NULL, 0);
  printf("listed %d\n", is_listed(pid));
  show_open("gone", fds);
  SHOW("gone", open(name_of(pid, "stat"), O_RDONLY));
  SHOW("gone, by its directory", faccessat(directory, "maps", R_OK, 0) == 0);
  for (int i = 0; i < kCount; ++i) close(fds[i]);
  close(directory);
}

// What was opened before is about the memory that was there then.
static void over_exec(void) {
  int ends[2], result[2];
  if (pipe(ends) != 0 || pipe(result) != 0) die("pipe");
  fflush(stdout);
  int pid = fork();
  if (pid == 0) {
    char byte;
    dup2(result[1], 1);
    close(ends[1]);
    read(ends[0], &byte, 1);
    execl("/bin/sh", "sh", "-c", "echo; read line", NULL);
    _exit(1);
  }
  int maps = open(name_of(pid, "maps"), O_RDONLY),
      environ = open(name_of(pid, "environ"), O_RDONLY);
  int comm = open(name_of(pid, "comm"), O_RDONLY);
  char text[64] = "";
  dup2(ends[0], 0);
  write(ends[1], "", 1);
  read(result[0], text, 1);
  printf("== over exec\nmaps: %s\n", word(read(maps, text, sizeof text)));
  printf("environ: %s\n", word(read(environ, text, sizeof text)));
  read(comm, text, sizeof text);
  printf("comm: %.2s\n", text);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  close(maps);
  close(environ);
  close(comm);
}

static void another_user(void) {
  int end, ends[2], pid = start_sleeper(&end);
  if (pipe(ends) != 0) die("pipe");
  fflush(stdout);
  int user = fork();
  if (user == 0) {
    int changed = setgid(12345) == 0 && setuid(12345) == 0;
    printf("changed %d, dumpable %d\n", changed, prctl(PR_GET_DUMPABLE));
    prctl(PR_SET_DUMPABLE, 1);
    show_all("seen by another user", pid);
    show_all("that user's own", getpid());
    char line[1024] = "";
    int fd = open(name_of(pid, "stat"), O_RDONLY);
    read(fd, line, sizeof line - 1);
    char* at = strrchr(line, ')');
    for (int field = 2; field < 26 && at; ++field) at = strchr(at + 1, ' ');
    printf("addresses: %.8s\n", at);
    fflush(stdout);
    prctl(PR_SET_DUMPABLE, 0);
    shared[0] = 1;
    char byte;
    read(ends[0], &byte, 1);
    _exit(0);
  }
  while (!shared[0]) usleep(1000);
  show_all("not dumpable", user);
  write(ends[1], "", 1);
  waitpid(user, NULL, 0);
  close(end);
  waitpid(pid, NULL, 0);
}

int main(void) {
  shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int fd = 3; fd < 64; ++fd) close(fd);
  one_life();
  over_exec();
  another_user();
  return 0;
}
