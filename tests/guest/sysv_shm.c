// System V shared memory: results, counts and errors. Natively the namespace is the host's: all
// segments are private or have keys of this process, and all are removed.
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "huge_pages.h"
#include "maps.h"
#include "touch.h"

enum { kPage = 4096 };
static int segments[64];
static int segment_count;

static int make(key_t key, size_t size, int flags) {
  int id = shmget(key, size, flags);
  if (id >= 0) segments[segment_count++] = id;
  return id;
}
static void *reserve(size_t size) {
  return mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}
static long attached(int id) {
  struct shmid_ds about;
  return shmctl(id, IPC_STAT, &about) == 0 ? (long)about.shm_nattch : -errno;
}
#define ID(name, expression)                                                       \
  do {                                                                             \
    errno = 0;                                                                     \
    int show_id = (expression);                                                    \
    printf("%s: %s\n", name, show_id >= 0 ? "an id" : strerrorname_np(errno)); \
  } while (0)

static void creation(void) {
  const key_t key = 0x47000000 + (getpid() & 0xffff);
  ID("get nothing", shmget(key, kPage, 0600));
  ID("size 0", shmget(IPC_PRIVATE, 0, 0600));
  ID("size over all", shmget(IPC_PRIVATE, -1UL, 0600));
  ID("size of 2^63", shmget(IPC_PRIVATE, 1UL << 63, 0600));
  if (has_no_huge_pages()) ID("huge pages", shmget(IPC_PRIVATE, 2 << 20, 0600 | SHM_HUGETLB));
  if (has_no_huge_pages()) ID("odd huge pages", shmget(IPC_PRIVATE, 2 << 20, 0600 | SHM_HUGETLB | (9 << MAP_HUGE_SHIFT)));
  ID("create", make(key, 5 * kPage - 7, IPC_CREAT | 0640));
  ID("create again", shmget(key, 5 * kPage - 7, IPC_CREAT | 0640));
  ID("exclusively", shmget(key, kPage, IPC_CREAT | IPC_EXCL | 0640));
  ID("exclusively without create", shmget(key, kPage, IPC_EXCL | 0640));
  ID("larger", shmget(key, 5 * kPage - 6, 0));
  ID("smaller", shmget(key, 1, 0));
  ID("any size", shmget(key, 0, 0));
  ID("larger and huge", shmget(key, 6 * kPage, SHM_HUGETLB));
  int id = shmget(key, 0, 0);
  struct shmid_ds about;
  SHOW("stat", shmctl(id, IPC_STAT, &about));
  printf("size %zu mode %o attached %ld key %d owner %d %d creator %d %d\n", about.shm_segsz,
         about.shm_perm.mode, (long)about.shm_nattch, about.shm_perm.__key == key,
         about.shm_perm.uid == geteuid(), about.shm_perm.gid == getegid(),
         about.shm_perm.cuid == geteuid(), about.shm_perm.cgid == getegid());
  printf("created by %d, last %d; at %d %d %d\n", about.shm_cpid == getpid(), about.shm_lpid,
         about.shm_atime != 0, about.shm_dtime != 0, about.shm_ctime != 0);
  about.shm_perm.mode = 07600;
  SHOW("set", shmctl(id, IPC_SET, &about));
  SHOW("stat", shmctl(id, IPC_STAT, &about));
  printf("mode %o\n", about.shm_perm.mode);
  SHOW("set to nobody's", (about.shm_perm.uid = -1, shmctl(id, IPC_SET, &about)));
  SHOW("stat at nothing", shmctl(id, IPC_STAT, NULL));
  SHOW("set from nothing", shmctl(id, IPC_SET, NULL));
  SHOW("lock", shmctl(id, SHM_LOCK, NULL));
  SHOW("stat", shmctl(id, IPC_STAT, &about));
  printf("locked %d\n", (about.shm_perm.mode & SHM_LOCKED) != 0);
  SHOW("unlock", shmctl(id, SHM_UNLOCK, NULL));
  SHOW("stat", shmctl(id, IPC_STAT, &about));
  printf("locked %d\n", (about.shm_perm.mode & SHM_LOCKED) != 0);
  SHOW("remove", shmctl(id, IPC_RMID, NULL));
  SHOW("remove again", shmctl(id, IPC_RMID, NULL));
  SHOW("stat of the removed", shmctl(id, IPC_STAT, &about));
  ID("get the removed", shmget(key, 0, 0));
  SHOW("stat of -1", shmctl(-1, IPC_STAT, &about));
  SHOW("stat of none", shmctl(0x7fffffff, IPC_STAT, &about));
  SHOW("an odd command", shmctl(id, 99, &about));
  SHOW("a negative command", shmctl(id, -1, &about));
  SHOW("negative id, odd command", shmctl(-1, 99, &about));
  SHOW("-1, remove", shmctl(-1, IPC_RMID, NULL));
  ID("mode bits", make(IPC_PRIVATE, 1, 0xffff & ~(SHM_HUGETLB)));
  SHOW("stat", shmctl(segments[segment_count - 1], IPC_STAT, &about));
  printf("mode %o\n", about.shm_perm.mode);
}

// The line of /proc/sysvipc/shm, times and owners left out.
static void show_listed(int wanted) {
  FILE *list = fopen("/proc/sysvipc/shm", "r");
  char line[512];
  if (fgets(line, sizeof line, list) != NULL) printf("%s", line);
  while (fgets(line, sizeof line, list) != NULL) {
    int id, key, creator, last;
    unsigned mode;
    unsigned long size, count, resident, swapped;
    if (sscanf(line, "%d %d %o %lu %d %d %lu %*u %*u %*u %*u %*u %*u %*u %lu %lu", &key, &id, &mode, &size,
               &creator, &last, &count, &resident, &swapped) != 9 || id != wanted)
      continue;
    printf("listed: %d %o %lu %d %d %lu %lu %lu, %zu characters\n", key, mode, size, creator == getpid(),
           last == getpid(), count, resident, swapped, strlen(line));
  }
  fclose(list);
}

static void limits(void) {
  struct shminfo info;
  int highest = shmctl(0, IPC_INFO, (struct shmid_ds *)&info);
  printf("info: %d; min %lu seg as mni %d\n", highest >= 0, info.shmmin, info.shmseg == info.shmmni);
  SHOW("info to nothing", shmctl(0, IPC_INFO, NULL));
  SHOW("info of -1", shmctl(-1, IPC_INFO, (struct shmid_ds *)&info));
  struct shm_info before, after;
  SHOW("counts to nothing", shmctl(0, SHM_INFO, NULL));
  shmctl(0, SHM_INFO, (struct shmid_ds *)&before);
  int id = make(IPC_PRIVATE, 10 * kPage, 0600);
  char *at = shmat(id, NULL, 0);
  at[0] = 1, at[5 * kPage] = 1;
  int top = shmctl(0, SHM_INFO, (struct shmid_ds *)&after);
  printf("used %d, total %lu, resident %lu, swapped %lu, attempts %lu\n", after.used_ids - before.used_ids,
         after.shm_tot - before.shm_tot, after.shm_rss - before.shm_rss, after.shm_swp - before.shm_swp,
         after.swap_attempts);
  int found = 0;
  for (int i = 0; i <= top; ++i) {
    struct shmid_ds about;
    int seen = shmctl(i, SHM_STAT, &about);
    if (seen == id) found = about.shm_segsz == 10 * kPage && about.shm_nattch == 1;
    if (seen == id) printf("any: %d\n", shmctl(i, SHM_STAT_ANY, &about) == id);
  }
  printf("found %d\n", found);
  show_listed(id);
  struct shmid_ds about;
  SHOW("stat past the top", shmctl(top + 1000, SHM_STAT, &about));
  SHOW("stat at -1", shmctl(-1, SHM_STAT, &about));
  SHOW("any at -1", shmctl(-1, SHM_STAT_ANY, &about));
}

static void attaching(void) {
  int id = make(IPC_PRIVATE, 4 * kPage, 0600);
  char *room = reserve(64 * kPage);
  SHOW_ADDRESS("no such segment", shmat(0x7fffffff, NULL, 0));
  SHOW_ADDRESS("id -1", shmat(-1, NULL, 0));
  SHOW_ADDRESS("odd address", shmat(id, room + 1, 0));
  SHOW_ADDRESS("address in use", shmat(id, room, 0));
  SHOW_ADDRESS("rounded, in use", shmat(id, room + 1, SHM_RND));
  SHOW_ADDRESS("remap nowhere", shmat(id, NULL, SHM_REMAP));
  SHOW_ADDRESS("odd address of no segment", shmat(0x7fffffff, room + 1, 0));
  SHOW_ADDRESS("rounded to 0, remap", shmat(id, (void *)1, SHM_RND | SHM_REMAP));
  SHOW_ADDRESS("beyond all", shmat(id, (void *)(0x800000000000 - kPage), 0));
  SHOW_ADDRESS("overflowing", shmat(id, (void *)-kPage, 0));
  SHOW("unknown flags", shmdt(shmat(id, NULL, 0x400)));
  printf("attached %ld\n", attached(id));
  char *at = shmat(id, room + 8 * kPage + 5, SHM_RND | SHM_REMAP);
  printf("rounded and remapped: %d\n", at == room + 8 * kPage);
  show_maps("remapped", room, 64 * kPage, id);
  at[3 * kPage] = 'x';
  char *reading = shmat(id, NULL, SHM_RDONLY);
  printf("read: %c, write: %s\n", reading[3 * kPage], touched(reading, 1));
  SHOW("write after all", mprotect(reading, kPage, PROT_READ | PROT_WRITE));
  char *running = shmat(id, NULL, SHM_EXEC);
  show_maps("readable", reading, 4 * kPage, id);
  show_maps("executable", running, 4 * kPage, id);
  SHOW("exec by mprotect", mprotect(at, kPage, PROT_READ | PROT_EXEC));
  printf("attached %ld\n", attached(id));
  munmap(room, 4 * kPage);
  char *placed = shmat(id, room, 0);
  printf("into a hole: %d\n", placed == room);
  printf("attached %ld\n", attached(id));
  show_maps("beside", room, 64 * kPage, id);
  printf("beyond the end: %s\n", touched(room + 4 * kPage, 0));
  SHOW("detach inside", shmdt(room + kPage));
  SHOW("detach odd", shmdt(room + 1));
  SHOW("detach", shmdt(room));
  SHOW("detach again", shmdt(room));
  SHOW("detach anonymous", shmdt(room + 32 * kPage));
  SHOW("detach the kernel", shmdt((void *)-kPage));
  printf("attached %ld\n", attached(id));
  struct shmid_ds about;
  SHOW("stat", shmctl(id, IPC_STAT, &about));
  printf("last by %d; attached %d detached %d\n", about.shm_lpid == getpid(), about.shm_atime != 0,
         about.shm_dtime != 0);
  SHOW("remove", shmctl(id, IPC_RMID, NULL));
  SHOW("stat of the doomed", shmctl(id, IPC_STAT, &about));
  printf("mode %o key %d attached %ld\n", about.shm_perm.mode, about.shm_perm.__key, (long)about.shm_nattch);
  char *late = shmat(id, NULL, 0);
  printf("attached late: %c\n", late[3 * kPage]);
  SHOW("remove again", shmctl(id, IPC_RMID, NULL));
  shmdt(late), shmdt(at), shmdt(reading);
  printf("still there: %c attached %ld\n", running[3 * kPage], attached(id));
  SHOW("detach the last", shmdt(running));
  SHOW("stat of the gone", shmctl(id, IPC_STAT, &about));
  SHOW_ADDRESS("attach the gone", shmat(id, NULL, 0));
}

static void pieces(void) {
  int id = make(IPC_PRIVATE, 16 * kPage, 0600);
  char *at = shmat(id, NULL, 0);
  memset(at, 'p', 16 * kPage);
  SHOW("a hole", munmap(at + 4 * kPage, 2 * kPage));
  printf("attached %ld\n", attached(id));
  SHOW("protect", mprotect(at + 8 * kPage, kPage, PROT_READ));
  printf("attached %ld\n", attached(id));
  SHOW("and back", mprotect(at + 8 * kPage, kPage, PROT_READ | PROT_WRITE));
  printf("attached %ld\n", attached(id));
  show_maps("pieces", at, 16 * kPage, id);
  SHOW("protect", mprotect(at, 2 * kPage, PROT_READ));
  SHOW("one more page", mprotect(at, 3 * kPage, PROT_READ));
  SHOW("one page less", mprotect(at + 2 * kPage, kPage, PROT_READ | PROT_WRITE));
  printf("attached %ld\n", attached(id));
  show_maps("pieces", at, 16 * kPage, id);
  char *other = reserve(16 * kPage);
  char *moved = mremap(at + 12 * kPage, kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, other);
  printf("moved %d %c, attached %ld\n", moved == other, moved[0], attached(id));
  char *copy = mremap(moved, 0, kPage, MREMAP_MAYMOVE);
  printf("copied %c, attached %ld\n", copy[0], attached(id));
  SHOW("detach all pieces", shmdt(at));
  printf("attached %ld\n", attached(id));
  show_maps("after", at, 16 * kPage, id);
  show_maps("moved", moved, kPage, id);
  SHOW("detach the moved", shmdt(moved));
  SHOW("detach the copy", shmdt(copy));
  SHOW("detach where it would start", shmdt(copy - 12 * kPage));
  printf("attached %ld\n", attached(id));

  // A piece whose place in the segment is not its place in memory stays.
  at = shmat(id, NULL, 0);
  munmap(at, 2 * kPage);
  printf("attached %ld\n", attached(id));
  SHOW("detach without the first", shmdt(at));
  SHOW("detach by the rest", shmdt(at + 2 * kPage));
  printf("attached %ld\n", attached(id));
  SHOW("unmap", munmap(at, 16 * kPage));

  // Two attachments side by side do not become one.
  char *room = reserve(32 * kPage);
  munmap(room, 32 * kPage);
  char *low = shmat(id, room, 0);
  char *high = shmat(id, room + 16 * kPage, 0);
  printf("side by side %d %d, attached %ld\n", low == room, high == room + 16 * kPage, attached(id));
  show_maps("side by side", room, 32 * kPage, id);
  SHOW("detach the lower", shmdt(low));
  printf("attached %ld\n", attached(id));
  SHOW("detach the upper", shmdt(high));

  at = shmat(id, NULL, 0);
  char *grown = mremap(at, 16 * kPage, 20 * kPage, MREMAP_MAYMOVE);
  printf("grown: %d; beyond: %s; attached %ld\n", grown != MAP_FAILED, touched(grown + 17 * kPage, 1), attached(id));
  SHOW("detach the grown", shmdt(grown));
  show_maps("left", grown, 20 * kPage, id);
  SHOW("unmap", munmap(grown, 20 * kPage));
  printf("attached %ld\n", attached(id));

  at = shmat(id, NULL, 0);
  SHOW("free", madvise(at, kPage, MADV_FREE));
  SHOW("dontneed", madvise(at, kPage, MADV_DONTNEED));
  printf("kept: %c\n", at[0]);
  SHOW("sync", msync(at, 16 * kPage, MS_SYNC));
  shmdt(at);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  catch_faults();
  creation();
  limits();
  attaching();
  pieces();
  for (int i = 0; i < segment_count; ++i) shmctl(segments[i], IPC_RMID, NULL);
  return 0;
}
