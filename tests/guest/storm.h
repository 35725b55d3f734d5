// What the storms share: workers that may do what they want, a few at a time, and a witness beside
// them that minds its own business. The same seed makes the same workers.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { kStormAtOnce = 3, kStormPage = 4096 };

struct Storm {
  void (*run)(uint64_t seed);
  uint64_t (*patience_us)(uint64_t seed);  // then it is killed
};

struct StormState {
  int witness_end;  // closed when it is to end
  pid_t witness;
  int witness_status;  // -1: it lives
  pid_t workers[kStormAtOnce];
  uint64_t until[kStormAtOnce];
};

static inline uint64_t storm_random(uint64_t* state) {
  *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
  return *state;
}

static inline uint64_t storm_seed(uint64_t seed, uint64_t number) {
  uint64_t state = (seed * 1000003 + number + 1) * 0x9e3779b97f4a7c15ULL | 1;
  storm_random(&state);
  return state;
}

static inline uint64_t storm_clock_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

// Faults and forks until its pipe is closed; memory that is not as it was left is a failure.
static inline void storm_witness(int until_closed) {
  enum { kPages = 32, kWords = kStormPage / 8 };
  const struct timespec pause = {0, 1000000};
  char byte;
  for (uint64_t round = 0; round == 0 || read(until_closed, &byte, 1) != 0; round++) {
    uint64_t* memory =
        mmap(NULL, kPages * kStormPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) _exit(3);
    for (size_t i = 0; i < kPages; i++) memory[i * kWords] = round * kPages + i;
    const pid_t child = fork();
    for (size_t i = 0; i < kPages; i++) {
      if (memory[i * kWords] != round * kPages + i) _exit(4);
      if (child == 0) memory[i * kWords] = ~round;
    }
    if (child == 0) _exit(42);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 42 << 8) _exit(5);
    munmap(memory, kPages * kStormPage);
    nanosleep(&pause, NULL);
  }
  _exit(0);
}

// Children that are not ours come from workers that have died.
static inline void storm_reap(struct StormState* state, int options) {
  int status = 0;
  pid_t ended;
  while ((ended = waitpid(-1, &status, options)) > 0) {
    if (ended == state->witness) {
      state->witness_status = status;
      if (options == 0) return;
    }
    for (int i = 0; i < kStormAtOnce; i++)
      if (state->workers[i] == ended) state->workers[i] = 0;
  }
}

static inline void storm_start(struct StormState* state, int i, const struct Storm* storm,
                               uint64_t seed) {
  const pid_t worker = fork();
  if (worker < 0) die("fork");
  if (worker == 0) {
    close(state->witness_end);
    setpgid(0, 0);
    storm->run(seed);
    _exit(0);
  }
  state->workers[i] = worker;
  state->until[i] = storm_clock_us() + storm->patience_us(seed);
}

static inline void storm_run_workers(struct StormState* state, const struct Storm* storm,
                                     uint64_t seed, uint64_t count) {
  const struct timespec pause = {0, 300000};
  uint64_t started = 0;
  for (int running = 1; running > 0 || started < count;) {
    storm_reap(state, WNOHANG);
    running = 0;
    for (int i = 0; i < kStormAtOnce; i++) {
      if (state->workers[i] == 0 && started < count)
        storm_start(state, i, storm, storm_seed(seed, started++));
      running += state->workers[i] != 0;
      if (state->workers[i] != 0 && storm_clock_us() >= state->until[i])
        kill(state->workers[i], SIGKILL);
    }
    nanosleep(&pause, NULL);
  }
}

// SEED WORKERS
static inline int storm_main(const struct Storm* storm, int count, char** arguments) {
  if (count != 3) return 2;
  int channel[2];
  if (pipe2(channel, O_NONBLOCK | O_CLOEXEC) != 0) die("pipe");
  struct StormState state = {.witness_end = channel[1], .witness = fork(), .witness_status = -1};
  if (state.witness < 0) die("fork");
  if (state.witness == 0) {
    close(channel[1]);
    storm_witness(channel[0]);
  }
  close(channel[0]);
  storm_run_workers(&state, storm, strtoull(arguments[1], NULL, 0),
                    strtoull(arguments[2], NULL, 0));
  const int early = state.witness_status;
  close(channel[1]);
  if (early == -1) storm_reap(&state, 0);
  printf("witness: %#x%s\n", (unsigned)state.witness_status, early == -1 ? "" : ", too early");
  fflush(stdout);
  // Whoever is left of what workers have started.
  while (kill(-1, SIGKILL) == 0 && waitpid(-1, NULL, 0) > 0) {
  }
  return state.witness_status != 0 || early != -1;
}
