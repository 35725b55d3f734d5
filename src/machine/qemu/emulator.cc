#include "machine/qemu/emulator.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <system_error>
#include <vector>

#include "base/background_thread.h"
#include "machine/memory_file.h"
#include <gonzo/base/address.h>

namespace gonzo {
namespace {

constexpr const char* kBoard =
    "microvm,memory-backend=ram0,pit=off,pic=on,rtc=off,isa-serial=on,x-option-roms=off,"
    "auto-kernel-cmdline=off";
constexpr std::size_t kRomBytes = 64 << 10;  // the least that QEMU takes
constexpr std::size_t kComplaintBytes = 1 << 16;

// The child's descriptors.
constexpr int kArena = 3, kRom = 4, kLine = 5, kFirstFree = 6;

/// What the child needs.
struct Launch {
  std::array<int, kFirstFree> descriptors;
  const char* program;
  char* const* arguments;
  pid_t parent;
  int* error;  ///< in memory that both see
};

/// In the child, which has descriptors of its own: makes each one what its place says.
bool place_descriptors(std::array<int, kFirstFree> descriptors) {
  for (int& fd : descriptors) {
    fd = fcntl(fd, F_DUPFD_CLOEXEC, kFirstFree);  // out of the others' way
    if (fd < 0) return false;
  }
  for (int place = 0; place < kFirstFree; ++place) {
    if (dup2(descriptors[static_cast<std::size_t>(place)], place) < 0) return false;
  }
  return close_range(kFirstFree, ~0U, 0) == 0;
}

[[noreturn]] void become_emulator(const Launch& launch) {
  // Not of the runner's group: the keys that interrupt a guest are nothing to it. But of its
  // session, with which the host's scheduler shares out time (sched(7), autogroup).
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() == launch.parent && place_descriptors(launch.descriptors)) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execv(launch.program, launch.arguments);
  }
  *launch.error = errno;
  _exit(125);
}

/// As vfork(2), but for the memory, which is a copy: in a child that shares it, ThreadSanitizer
/// would take what it does for ours. Without an exit signal it disturbs nobody's wait(). -errno.
pid_t launch_emulator(Launch launch) {
  void* const shared =
      mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return -errno;
  launch.error = static_cast<int*>(shared);
  const long process = syscall(SYS_clone, CLONE_VFORK, nullptr, nullptr, nullptr, nullptr);
  if (process == 0) become_emulator(launch);
  const int error = process < 0 ? errno : *launch.error;
  munmap(shared, kPageSize);
  if (process > 0 && error != 0) waitpid(static_cast<pid_t>(process), nullptr, __WALL);
  return error != 0 ? -error : static_cast<pid_t>(process);
}

std::vector<std::string> arguments(const Emulator::Plan& plan) {
  const bool is_kvm = plan.accelerator == QemuMachineOptions::Accelerator::kKvm;
  return {
      plan.program,
      "-nodefaults",
      "-no-user-config",
      "-display",
      "none",
      "-no-reboot",
      "-machine",
      kBoard,
      "-accel",
      is_kvm ? "kvm,kernel-irqchip=off" : "tcg,thread=multi",
      // Without an APIC the serial line's interrupt takes the short way. KVM need not have the
      // register that tells of the processor's faults, nor one that needs the APIC.
      "-cpu",
      is_kvm ? "max,-apic,-arch-capabilities,-kvm-asyncpf-int" : "max,-apic",
      // One processor; that there might be two makes locked instructions atomic against the host.
      "-smp",
      is_kvm ? "1" : "1,maxcpus=2",
      "-m",
      fmt::format("{}B", plan.arena_bytes),
      "-object",
      fmt::format("memory-backend-file,id=ram0,size={},mem-path=/proc/self/fd/{},share=on,"
                  "prealloc=off",
                  plan.arena_bytes, kArena),
      "-bios",
      fmt::format("/proc/self/fd/{}", kRom),
      "-chardev",
      fmt::format("socket,id=line,fd={}", kLine),
      "-serial",
      "chardev:line",
  };
}

Result<FileDescriptor> create_rom(std::span<const std::byte> page) {
  GONZO_ASSIGN(FileDescriptor file, create_memory_file("gonzo-rom", kRomBytes));
  const auto start = static_cast<off_t>(kRomBytes - page.size());
  if (pwrite(file.get(), page.data(), page.size(), start) != static_cast<ssize_t>(page.size())) {
    return fail(Errno::kNoMem);
  }
  return file;
}

}  // namespace

/// KVM's guests must walk their tables themselves. Where it shadows them it does not hear of
/// entries that we change in memory.
std::string Emulator::obstacle(QemuMachineOptions::Accelerator accelerator) {
  constexpr std::array kParameters{"/sys/module/kvm_intel/parameters/ept",
                                   "/sys/module/kvm_amd/parameters/npt"};
  if (accelerator != QemuMachineOptions::Accelerator::kKvm) return {};
  const bool walks = std::ranges::any_of(kParameters, [](const char* name) {
    const int value = std::ifstream(name).get();
    return value == 'Y' || value == '1';
  });
  return walks ? "" : "this host's KVM has neither EPT nor NPT: use --accel tcg";
}

Result<std::unique_ptr<Emulator>> Emulator::start(const Plan& plan) {
  std::unique_ptr<Emulator> made(new Emulator);
  GONZO_ASSIGN(FileDescriptor rom, create_rom(plan.rom));
  GONZO_ASSIGN(made->complaints_, create_memory_file("gonzo-qemu-errors", 0));
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail_from_host();
  }
  made->line_ = FileDescriptor(ends[0]);
  const FileDescriptor line(ends[1]);
  Emulator& emulator = *made;
  try {
    emulator.thread_ =
        start_background_thread([&emulator, plan, rom_fd = rom.get(), line_fd = line.get()] {
          emulator.keep(plan, rom_fd, line_fd);
        });
  } catch (const std::system_error&) {
    return fail(Errno::kAgain);
  }
  const LockGuard guard(emulator.mutex_);
  while (emulator.state_ == State::kLaunching) emulator.changed_.wait(emulator.mutex_);
  if (emulator.process_ < 0) return fail(static_cast<Errno>(-emulator.process_));
  return made;
}

void Emulator::keep(const Plan& plan, int rom, int line) {
  std::vector<std::string> words = arguments(plan);
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const FileDescriptor nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
  const pid_t process = launch_emulator(
      {.descriptors = {nothing.get(), nothing.get(), complaints_.get(), plan.arena_fd, rom, line},
       .program = plan.program.c_str(),
       .arguments = pointers.data(),
       .parent = getpid(),
       .error = nullptr});
  {
    const LockGuard guard(mutex_);
    process_ = process;
    state_ = State::kRunning;
    changed_.notify_all();
  }
  // Seen first and reaped under the lock, so that end() never kills a stranger.
  siginfo_t ended{};
  while (process > 0 &&
         waitid(P_PID, static_cast<id_t>(process), &ended, WEXITED | WNOWAIT | __WALL) < 0 &&
         errno == EINTR) {
  }
  const LockGuard guard(mutex_);
  int status = 0;
  if (process > 0) waitpid(process, &status, __WALL);
  status_ = status;
  state_ = State::kEnded;
  changed_.notify_all();
}

void Emulator::ring() const {
  const int saved = errno;
  const char byte = 1;
  // Full: there is one on its way.
  static_cast<void>(send(line_.get(), &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL));
  errno = saved;
}

void Emulator::end() {
  const LockGuard guard(mutex_);
  if (state_ == State::kRunning && process_ > 0) kill(static_cast<pid_t>(process_), SIGKILL);
  while (state_ != State::kEnded) changed_.wait(mutex_);
}

std::string Emulator::last_words() {
  std::string text(kComplaintBytes, '\0');
  const ssize_t size = pread(complaints_.get(), text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (const auto start = text.rfind('\n'); start != std::string::npos) text.erase(0, start + 1);
  if (!text.empty()) return text;
  const LockGuard guard(mutex_);
  if (WIFSIGNALED(status_)) {
    return fmt::format("it was killed by signal {}", WTERMSIG(status_));
  }
  return fmt::format("it ended with status {}", WEXITSTATUS(status_));
}

Emulator::~Emulator() {
  if (!thread_.joinable()) return;
  end();
  thread_.join();
}

}  // namespace gonzo
