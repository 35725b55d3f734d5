// What a thread may do, and how exec takes from that. (What exec would give back is not here.)
#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct __user_cap_header_struct Header;
typedef struct __user_cap_data_struct Data;

static void tell(const char* what, long result) {
  printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}

static void tell_sets(const char* when) {
  Header header = {_LINUX_CAPABILITY_VERSION_3, 0};
  Data data[2];
  memset(data, 0, sizeof data);
  syscall(SYS_capget, &header, data);
  uint64_t sets[3] = {data[0].permitted | (uint64_t)data[1].permitted << 32,
                      data[0].effective | (uint64_t)data[1].effective << 32,
                      data[0].inheritable | (uint64_t)data[1].inheritable << 32};
  printf("%s: permitted %llx, effective %llx, inheritable %llx\n", when,
         (unsigned long long)sets[0], (unsigned long long)sets[1], (unsigned long long)sets[2]);
}

static void versions(void) {
  Header header = {0, 0};
  Data data[2];
  tell("capget, which version", syscall(SYS_capget, &header, NULL));
  printf("%x\n", header.version);
  header.version = 1;
  tell("capget, a wrong one", syscall(SYS_capget, &header, data));
  printf("%x\n", header.version);
  header.pid = -1;
  tell("capget of -1", syscall(SYS_capget, &header, data));
}

static void options(void) {
  tell("bounding 0", prctl(PR_CAPBSET_READ, 0));
  tell("bounding 99", prctl(PR_CAPBSET_READ, 99));
  tell("drop 99", prctl(PR_CAPBSET_DROP, 99));
  tell("ambient 0", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 0, 0));
  tell("ambient 99", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 99, 0, 0));
  tell("ambient, too much", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 1, 0));
  tell("raise what is not inheritable", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 5, 0, 0));
  tell("clear", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
}

/// Runs this program again in a child.
static void execute(const char* self, void (*before)(void)) {
  pid_t child = fork();
  if (child == 0) {
    before();
    execl(self, self, "after", NULL);
    _exit(1);
  }
  waitpid(child, NULL, 0);
}

static void nothing(void) {}
static void drop(void) {
  tell("drop CAP_IPC_LOCK", prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK));
  tell_sets("still there");
}
static void become_nobody(void) {
  tell("keep", prctl(PR_SET_KEEPCAPS, 1));
  tell("setuid", setuid(65534));
  tell_sets("as nobody");
}

int main(int count, char** words) {
  setvbuf(stdout, NULL, _IONBF, 0);
  if (count > 1) {
    tell_sets("after exec");
    tell("keeps", prctl(PR_GET_KEEPCAPS));
    tell("bounding CAP_IPC_LOCK", prctl(PR_CAPBSET_READ, CAP_IPC_LOCK));
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_MEMLOCK, &none);
    tell("mlock", mlock(words, 1));
    return 0;
  }
  versions();
  options();
  tell_sets("at first");
  execute("/proc/self/exe", nothing);
  execute("/proc/self/exe", drop);
  execute("/proc/self/exe", become_nobody);
  return 0;
}
