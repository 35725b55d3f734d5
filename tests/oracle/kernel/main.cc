// The live kernel as a subject: a process of its own, without sanitizers, whose allocator and
// shadow memory would be in the way of limits and locks. Operations come in on standard input as
// they lie in memory, observations go to standard output.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/mman.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "oracle/observation.h"
#include "oracle/test_file.h"

namespace gonzo::oracle {
namespace {

sigjmp_buf resume_point;
siginfo_t caught;

void on_fault(int, siginfo_t* info, void*) {
  caught = *info;
  siglongjmp(resume_point, 1);
}

constexpr long kSysMseal = 462;  // since Linux 6.10

class LiveKernel {
 public:
  LiveKernel() {
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    drop_capabilities();
    keep_own_memory_still();
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
    open_proc();
    for (int i = 0; i < 2; ++i) base_ = read_counts();
  }

  Observation run(const Operation& op) {
    if (refill_) fill_cache();
    refill_ = makes_holes(op);
    Observation seen;
    std::string child;
    if (op.call == Call::kReadByte || op.call == Call::kWriteByte) {
      seen = access(op);
    } else if (op.call == Call::kFork) {
      child = fork_child(op);
    } else {
      seen.result = call(op);
    }
    look(seen);
    seen.maps += child;
    return seen;
  }

 private:
  /// So that the limits hold for root too. Its own memory may all be locked, as long as it may.
  static void drop_capabilities() {
    rlimit limit{};
    getrlimit(RLIMIT_MEMLOCK, &limit);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, kUnlimitedPages * 4096);
    setrlimit(RLIMIT_MEMLOCK, &limit);
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
    syscall(SYS_capset, &header, none.data());
  }
  /// From here on the allocator asks the kernel for nothing.
  static void keep_own_memory_still() {
    constexpr int kPlenty = 16 << 20;
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, 2 * kPlenty);
    void* const room = malloc(kPlenty);
    std::memset(room, 1, kPlenty);
    free(room);
  }

  void fill_cache() const {
    std::array<char, 4096> page;
    for (off_t at = 0; at < static_cast<off_t>(kFileBytes); at += 4096) {
      if (pread(file_.writable(), page.data(), page.size(), at) < 0) std::abort();
    }
  }

  void open_proc() {
    maps_ = open("/proc/self/maps", O_RDONLY);
    status_ = open("/proc/self/status", O_RDONLY);
  }

  void look(Observation& seen) const {
    seen.residency = residency();
    seen.maps = region_of_maps(read_all(maps_));
    seen.counts = (read_counts() - base_).text();
  }

  std::string fork_child(const Operation& op) {
    std::array<int, 2> pipe{};
    if (::pipe(pipe.data()) != 0) std::abort();
    const pid_t child = fork();
    if (child < 0) std::abort();
    if (child == 0) {
      open_proc();
      Observation seen;
      look(seen);
      const std::string text =
          child_text(op, seen, [](const Operation& touch) { return access(touch); });
      const ssize_t size = static_cast<ssize_t>(text.size());
      _exit(write(pipe[1], text.data(), text.size()) == size ? 0 : 1);
    }
    close(pipe[1]);
    std::string text;
    char block[4096];
    for (ssize_t got = 0; (got = read(pipe[0], block, sizeof block)) > 0;) {
      text.append(block, static_cast<std::size_t>(got));
    }
    close(pipe[0]);
    waitpid(child, nullptr, 0);
    return text;
  }

  static Observation access(const Operation& op) {
    Observation seen;
    auto* byte = reinterpret_cast<volatile std::uint8_t*>(op.address);
    if (sigsetjmp(resume_point, 1) == 0) {
      if (op.call == Call::kReadByte) {
        seen.result = *byte;
      } else {
        *byte = op.value;
      }
      return seen;
    }
    seen.signal = caught.si_signo;
    seen.signal_code = caught.si_code;
    seen.signal_address = reinterpret_cast<std::uint64_t>(caught.si_addr);
    return seen;
  }

  std::int64_t call(const Operation& op) {
    errno = 0;
    std::int64_t result = 0;
    switch (op.call) {
      case Call::kMap:
        result = syscall(SYS_mmap, op.address, op.length, op.protection, op.flags, descriptor(op),
                         op.offset);
        return tidy(result, op.length);
      case Call::kUnmap:
        result = syscall(SYS_munmap, op.address, op.length);
        break;
      case Call::kProtect:
        result = syscall(SYS_mprotect, op.address, op.length, op.protection);
        break;
      case Call::kRemap:
        result =
            syscall(SYS_mremap, op.address, op.length, op.new_length, op.flags, op.new_address);
        return tidy(result, op.new_length);
      case Call::kAdvise:
        result = syscall(SYS_madvise, op.address, op.length, op.flags);
        break;
      case Call::kLock:
        // Without flags the older call.
        result = op.flags == 0 ? syscall(SYS_mlock, op.address, op.length)
                               : syscall(SYS_mlock2, op.address, op.length, op.flags);
        break;
      case Call::kUnlock:
        result = syscall(SYS_munlock, op.address, op.length);
        break;
      case Call::kLockAll:
        result = lock_all(op.flags);
        break;
      case Call::kUnlockAll:
        result = syscall(SYS_munlockall);
        break;
      case Call::kLimit:
        result = limit(op.flags, op.length);
        break;
      case Call::kSeal:
        result = syscall(kSysMseal, op.address, op.length, op.flags);
        break;
      case Call::kRemapFile:
        result = syscall(SYS_remap_file_pages, op.address, op.length, op.protection, op.offset,
                         op.flags);
        break;
      case Call::kBind: {
        unsigned long nodes = op.value == 0 ? 0 : 1;
        result = syscall(SYS_mbind, op.address, op.length, op.value, &nodes, 2, 0);
        break;
      }
      case Call::kSync:
        result = syscall(SYS_msync, op.address, op.length, op.flags);
        break;
      default:
        result = syscall(SYS_mincore, op.address, op.length, vector_);
        break;
    }
    return result < 0 ? -errno : result;
  }

  int descriptor(const Operation& op) const {
    if (op.backing == Backing::kFile) return file_.writable();
    return op.backing == Backing::kReadOnlyFile ? file_.read_only() : -1;
  }

  /// What the kernel put outside the region goes at once.
  static std::int64_t tidy(std::int64_t result, std::uint64_t length) {
    if (result < 0) return -errno;
    const auto address = static_cast<std::uint64_t>(result);
    if (address >= kRegionStart && address < kRegionEnd) return result;
    munmap(reinterpret_cast<void*>(address), length);
    return kElsewhere;
  }

  static std::string residency() {
    std::string text;
    for (std::uint64_t page = 0; page < kRegionPages; ++page) {
      unsigned char one = 0;
      const bool mapped =
          mincore(reinterpret_cast<void*>(kRegionStart + page * 4096), 4096, &one) == 0;
      text += !mapped ? '-' : (one & 1) != 0 ? '1' : '0';
    }
    return text;
  }

  static std::string read_all(int file) {
    std::string text;
    char block[8192];
    lseek(file, 0, SEEK_SET);
    for (ssize_t got = 0; (got = read(file, block, sizeof block)) > 0;) {
      text.append(block, static_cast<std::size_t>(got));
    }
    return text;
  }

  Counts read_counts() const {
    const std::string text = read_all(status_);
    const auto pages = [&text](const char* name) {
      const auto at = text.find(name);
      return at == text.npos ? 0 : std::strtoull(&text[at + std::strlen(name)], nullptr, 10) / 4;
    };
    return {.total = pages("VmSize:"),
            .data = pages("VmData:"),
            .stack = pages("VmStk:"),
            .exec = pages("VmExe:") + pages("VmLib:"),
            .locked = pages("VmLck:")};
  }

  /// `pages` of the region, beside the process's own.
  int limit(int resource, std::uint64_t pages) {
    rlimit wanted{};
    getrlimit(static_cast<__rlimit_resource_t>(resource), &wanted);
    const std::uint64_t own = resource == RLIMIT_AS     ? base_.total
                              : resource == RLIMIT_DATA ? base_.data
                                                        : 0;
    wanted.rlim_cur = std::min<rlim_t>((own + pages) * 4096, wanted.rlim_max);
    return setrlimit(static_cast<__rlimit_resource_t>(resource), &wanted);
  }

  /// As if the process had nothing but the region.
  std::int64_t lock_all(int flags) {
    rlimit limit{};
    getrlimit(RLIMIT_MEMLOCK, &limit);
    if (limit.rlim_cur != 0) {
      rlimit wider{limit.rlim_cur + base_.total * 4096, limit.rlim_max};
      setrlimit(RLIMIT_MEMLOCK, &wider);
    }
    const std::int64_t result = syscall(SYS_mlockall, flags);
    const int error = errno;
    setrlimit(RLIMIT_MEMLOCK, &limit);
    if (result == 0 && (flags & MCL_CURRENT) != 0) unlock_own();
    errno = error;
    return result;
  }
  void unlock_own() const {
    std::istringstream lines(read_all(maps_));
    for (std::string line; std::getline(lines, line);) {
      std::uint64_t start = 0, end = 0;
      if (std::sscanf(line.c_str(), "%lx-%lx", &start, &end) != 2) continue;
      if (end <= kRegionStart || start >= kRegionEnd) {
        munlock(reinterpret_cast<void*>(start), end - start);
      }
    }
  }

  TestFile file_;
  int maps_ = -1, status_ = -1;
  Counts base_;  ///< of the process without the region
  unsigned char vector_[1 << 16];
  bool refill_ = false;
};

void send(FILE* to, const Observation& o) {
  fmt::print(to, "{} {} {} {} {} {} {}\n{}", o.result, o.signal, o.signal_code, o.signal_address,
             o.residency, o.counts, o.maps.size(), o.maps);
}

int answer_all() {
  std::vector<Operation> operations;
  for (Operation op; std::fread(&op, sizeof op, 1, stdin) == 1;) operations.push_back(op);
  LiveKernel kernel;
  for (const Operation& op : operations) send(stdout, kernel.run(op));
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace gonzo::oracle

int main() { return gonzo::oracle::answer_all(); }
