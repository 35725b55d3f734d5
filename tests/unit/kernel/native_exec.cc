#include "unit/kernel/native_exec.h"

#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "kernel/vdso/clock_page.h"
#include <gonzo/base/address.h>

namespace gonzo {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& string : strings) result.push_back(const_cast<char*>(string.c_str()));
  result.push_back(nullptr);
  return result;
}

constexpr int kNoTrace = -1;

/// Runs on the parent's memory after vfork(), which a sanitizer's address space makes much cheaper
/// than fork(). Returns only in failure.
int become(const char* path, char* const* arguments, char* const* environment,
           std::uint64_t stack_limit) {
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) return kNoTrace;
  // Where the superuser runs the tests: our guests may not map page zero either.
  prctl(PR_CAPBSET_DROP, CAP_SYS_RAWIO, 0, 0, 0);
  // i386 programs get the 3 GiB of a 32-bit kernel; nothing changes for others.
  personality(ADDR_NO_RANDOMIZE | ADDR_LIMIT_3GB);
  const rlimit limit{stack_limit, RLIM_INFINITY};
  setrlimit(RLIMIT_STACK, &limit);
  execve(path, arguments, environment);
  return errno;
}

/// In memory that a child shares even where vfork() is a fork(), as under ThreadSanitizer.
class SharedError {
 public:
  SharedError()
      : error_(static_cast<int*>(mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE,
                                      MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    if (error_ == MAP_FAILED) std::abort();
  }
  ~SharedError() { munmap(error_, sizeof(int)); }
  SharedError(const SharedError&) = delete;
  SharedError& operator=(const SharedError&) = delete;

  int& get() { return *error_; }

 private:
  int* error_;
};

/// A function of its own, with no variable that vfork's second return could spoil.
[[gnu::noinline]] pid_t start(const char* path, char* const* arguments, char* const* environment,
                              std::uint64_t stack_limit, int& error) {
  const pid_t pid = vfork();
  if (pid != 0) return pid;
  error = become(path, arguments, environment, stack_limit);
  _exit(0);
}

NativeImage look_at(pid_t pid) {
  const std::string proc = "/proc/" + std::to_string(pid) + "/";
  NativeImage image;
  image.maps = read_file(proc + "maps");
  const std::string stat = read_file(proc + "stat");
  image.stat.resize(3);
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  for (std::string field; fields >> field;) image.stat.push_back(field);
  const std::string auxv = read_file(proc + "auxv");
  for (std::size_t at = 0; at + 16 <= auxv.size(); at += 16) {
    std::array<std::uint64_t, 2> entry;
    std::copy_n(auxv.data() + at, 16, reinterpret_cast<char*>(entry.data()));
    if (entry[0] != 0) image.auxv.emplace(entry[0], entry[1]);
  }
  image.comm = read_file(proc + "comm");
  image.exe = std::filesystem::read_symlink(proc + "exe").string();
  image.cmdline = read_file(proc + "cmdline");
  image.environ = read_file(proc + "environ");
  user_regs_struct registers{};
  ptrace(PTRACE_GETREGS, pid, nullptr, &registers);
  image.stack_pointer = registers.rsp;
  image.entry = registers.rip;
  return image;
}

}  // namespace

NativeExec exec_natively(const std::string& path, const std::vector<std::string>& arguments,
                         const std::vector<std::string>& environment, std::uint64_t stack_limit) {
  const auto argument_pointers = pointers(arguments);
  const auto environment_pointers = pointers(environment);
  NativeExec result;
  SharedError error;
  const pid_t pid = start(path.c_str(), argument_pointers.data(), environment_pointers.data(),
                          stack_limit, error.get());
  int status = 0;
  waitpid(pid, &status, 0);
  if (WIFSTOPPED(status)) {
    // SIGTRAP is execve's success; another signal is what the process is about to die of.
    if (WSTOPSIG(status) == SIGTRAP) {
      result.image = look_at(pid);
    } else {
      result.signal = WSTOPSIG(status);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
  } else if (WIFSIGNALED(status)) {
    result.signal = WTERMSIG(status);
  }
  result.error = error.get();
  result.possible = pid > 0 && result.error != kNoTrace;
  return result;
}

bool has_our_vdso(const std::string& maps) {
  std::istringstream text(maps);
  std::uint64_t pages = 0;
  for (std::string line; std::getline(text, line);) {
    if (line.find("[vvar") == std::string::npos && line.find("[vdso]") == std::string::npos) {
      continue;
    }
    std::uint64_t start = 0, end = 0;
    char dash = 0;
    std::istringstream(line) >> std::hex >> start >> dash >> end;
    pages += (end - start) / kPageSize;
  }
  return pages == GONZO_VVAR_PAGES + GONZO_VCLOCK_PAGES + GONZO_VDSO_PAGES;
}

std::vector<std::string> own_lines(const std::string& maps) {
  std::vector<std::string> lines;
  std::istringstream text(maps);
  for (std::string line; std::getline(text, line);) {
    if (line.find("[v") == std::string::npos) lines.push_back(line);
  }
  return lines;
}

}  // namespace gonzo
