#include "kernel/inheritance.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstring>
#include <memory>

#include "kernel/file_table.h"
#include "kernel/host_text.h"

namespace gonzo {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

Result<std::vector<int>> open_descriptors() {
  const std::unique_ptr<DIR, CloseDirectory> directory(opendir("/proc/self/fd"));
  if (directory == nullptr) return fail_from_host();
  std::vector<int> numbers;
  while (const dirent* entry = readdir(directory.get())) {
    int number = 0;
    const char* end = entry->d_name + std::strlen(entry->d_name);
    if (std::from_chars(entry->d_name, end, number).ptr != end) continue;
    if (number != dirfd(directory.get())) numbers.push_back(number);
  }
  return numbers;
}

/// Which signals were ignored, and which blocked, when this process was started: what it has not
/// changed yet.
SignalSet read_ignored() {
  SignalSet ignored = 0;
  for (int signal = 1; signal <= kSignals; ++signal) {
    struct sigaction action{};
    if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) {
      ignored |= signal_bit(signal);
    }
  }
  return ignored;
}

SignalSet read_blocked() {
  SignalSet blocked = 0;
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, &blocked, sizeof(blocked));
  return blocked;
}

int read_oom_adjustment() {
  int adjustment = 0;
  std::istringstream(read_host("/proc/self/oom_score_adj")) >> adjustment;
  return adjustment;
}

/// As far as the host lets it.
void raise_own_limit(__rlimit_resource resource) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(resource, &limit);
}

Result<Inheritance::Descriptor> take_descriptor(int number) {
  GONZO_ASSIGN(const int high, duplicate_high(number));
  return Inheritance::Descriptor{number, std::make_shared<OpenFile>(high)};
}

}  // namespace

Result<Inheritance> Inheritance::take_from_host() {
  Inheritance inheritance;
  for (int i = 0; i < kResourceLimits; ++i) {
    rlimit64 limit{};
    if (syscall(SYS_prlimit64, 0, i, nullptr, &limit) != 0) return fail_from_host();
    inheritance.limits[static_cast<std::size_t>(i)] = {limit.rlim_cur, limit.rlim_max};
  }
  // The guest's are kept by us; the runner needs room for its own: descriptors, the machine's
  // memory.
  for (const auto resource : {RLIMIT_NOFILE, RLIMIT_FSIZE}) raise_own_limit(resource);
  inheritance.ignored_signals = read_ignored();
  inheritance.blocked_signals = read_blocked();
  inheritance.oom_adjustment = read_oom_adjustment();

  GONZO_ASSIGN(const std::vector<int> numbers, open_descriptors());
  for (const int number : numbers) {
    const int flags = fcntl(number, F_GETFD);
    if (flags < 0 || (flags & FD_CLOEXEC) != 0) continue;
    GONZO_ASSIGN(Descriptor descriptor, take_descriptor(number));
    inheritance.descriptors.push_back(std::move(descriptor));
  }
  // Else the guest's closing would not be the last: no end of file for who reads its pipe. A number
  // that was not open is filled too, so that nothing of ours lands there.
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return fail_from_host();
  for (const Descriptor& descriptor : inheritance.descriptors) {
    if (descriptor.number > STDERR_FILENO) ::close(descriptor.number);
  }
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO}) {
    if (standard != null) dup3(null, standard, O_CLOEXEC);
  }
  if (fcntl(STDERR_FILENO, F_GETFD) < 0) dup3(null, STDERR_FILENO, O_CLOEXEC);
  if (null > STDERR_FILENO) ::close(null);
  return inheritance;
}

}  // namespace gonzo
