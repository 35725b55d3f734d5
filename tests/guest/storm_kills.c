// SIGKILL in the middle of forks, faults, threads, pipes, mappings, exec.   storm_kills SEED
// WORKERS
#include <pthread.h>
#include <sys/prctl.h>

#include "storm.h"

enum { kBytes = 64 * kStormPage };

static void touch(char* memory) {
  for (size_t at = 0; at < kBytes; at += kStormPage) memory[at]++;
}

static char* map(int flags, int fd) {
  char* memory = mmap(NULL, kBytes, PROT_READ | PROT_WRITE, flags, fd, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

static void* touch_in_thread(void* memory) {
  touch(memory);
  return NULL;
}

static void fork_and_copy(char* memory) {
  const pid_t child = fork();
  touch(memory);
  if (child == 0) _exit(0);
  if (child > 0) waitpid(child, NULL, 0);
}

static void map_and_unmap(char* memory) {
  char* fresh = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (fresh == NULL) return;
  memcpy(fresh, memory, kBytes);
  mprotect(fresh + kBytes / 4, kBytes / 4, PROT_READ);
  fresh = mremap(fresh, kBytes, 2 * kBytes, MREMAP_MAYMOVE);
  if (fresh != MAP_FAILED) munmap(fresh, 2 * kBytes);
}

static void share_file(char* memory) {
  const int fd = memfd_create("storm", 0);
  if (fd < 0) return;
  if (write(fd, memory, kBytes) == kBytes) {
    char* shared = map(MAP_SHARED, fd);
    if (shared != NULL) fork_and_copy(shared), munmap(shared, kBytes);
  }
  close(fd);
}

static void run_threads(char* memory) {
  pthread_t threads[2];
  int made = 0;
  while (made < 2 && pthread_create(&threads[made], NULL, touch_in_thread, memory) == 0) made++;
  madvise(memory, kBytes, MADV_DONTNEED);
  while (made > 0) pthread_join(threads[--made], NULL);
}

static void pass_through_pipe(char* memory) {
  int channel[2];
  if (pipe(channel) != 0) return;
  const pid_t child = fork();
  if (child == 0) {
    close(channel[1]);
    while (read(channel[0], memory, kBytes) > 0) {
    }
    _exit(0);
  }
  close(channel[0]);
  signal(SIGPIPE, SIG_IGN);
  if (write(channel[1], memory, kBytes) < 0) touch(memory);
  close(channel[1]);
  if (child > 0) waitpid(child, NULL, 0);
}

static void run_itself(char* memory) {
  char* const arguments[] = {"storm_kills", NULL};
  const pid_t child = vfork();
  if (child == 0) {
    execv("/proc/self/exe", arguments);
    _exit(1);
  }
  touch(memory);
  if (child > 0) waitpid(child, NULL, 0);
}

static void (*const kDeeds[])(char*) = {fork_and_copy, map_and_unmap,     share_file,
                                        run_threads,   pass_through_pipe, run_itself};

static void run(uint64_t seed) {
  char* memory = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (memory == NULL) return;
  for (;;) kDeeds[storm_random(&seed) % (sizeof kDeeds / sizeof *kDeeds)](memory);
}

static uint64_t patience_us(uint64_t seed) { return seed % 12000; }

int main(int count, char** arguments) {
  const struct Storm storm = {run, patience_us};
  return storm_main(&storm, count, arguments);
}
