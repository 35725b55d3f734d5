// The live kernel as a subject: a process that runs the sequence and reports over a pipe.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "oracle/observation.h"
#include <gonzo/base/check.h>

namespace gonzo::oracle {
namespace {

bool receive(FILE* from, Observation& o) {
  char residency[kRegionPages + 1];
  char counts[96];
  std::size_t size = 0;
  static_assert(kRegionPages == 40, "the width in the format");
  if (std::fscanf(from, "%ld %d %d %lu %40s %95s %zu", &o.result, &o.signal, &o.signal_code,
                  &o.signal_address, residency, counts, &size) != 7) {
    return false;
  }
  std::fgetc(from);
  o.residency = residency;
  o.counts = counts;
  o.maps.resize(size);
  return std::fread(o.maps.data(), 1, size, from) == size;
}

/// Runs kernel/main.cc between two pipes.
class Subject {
 public:
  Subject() {
    std::array<int, 2> in, out;
    GONZO_CHECK(pipe2(in.data(), O_CLOEXEC) == 0 && pipe2(out.data(), O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    std::array<char*, 2> arguments{const_cast<char*>(GONZO_ORACLE_KERNEL), nullptr};
    GONZO_CHECK(
        posix_spawn(&pid_, GONZO_ORACLE_KERNEL, &actions, nullptr, arguments.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    to_ = fdopen(in[1], "w");
    from_ = fdopen(out[0], "r");
  }
  ~Subject() {
    std::fclose(from_);
    int status = 0;
    waitpid(pid_, &status, 0);
  }
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;

  /// It reads all of them before it answers.
  void ask(const std::vector<Operation>& operations) {
    std::fwrite(operations.data(), sizeof(Operation), operations.size(), to_);
    std::fclose(to_);
  }
  FILE* answers() { return from_; }

 private:
  pid_t pid_ = -1;
  FILE* to_ = nullptr;
  FILE* from_ = nullptr;
};

}  // namespace

std::vector<Observation> run_on_live_kernel(const std::vector<Operation>& operations) {
  Subject subject;
  subject.ask(operations);
  std::vector<Observation> seen;
  for (Observation one; receive(subject.answers(), one);) seen.push_back(std::move(one));
  return seen;
}

}  // namespace gonzo::oracle
