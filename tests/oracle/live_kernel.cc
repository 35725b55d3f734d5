// The live kernel as a subject: a child process that runs the sequence and reports over a pipe.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mman.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

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
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
    maps_ = open("/proc/self/maps", O_RDONLY);
  }

  Observation run(const Operation& op) {
    Observation seen;
    if (op.call == Call::kReadByte || op.call == Call::kWriteByte) {
      access(op, seen);
    } else {
      seen.result = call(op);
    }
    seen.residency = residency();
    seen.maps = region_of_maps(maps());
    return seen;
  }

 private:
  static void access(const Operation& op, Observation& seen) {
    auto* byte = reinterpret_cast<volatile std::uint8_t*>(op.address);
    if (sigsetjmp(resume_point, 1) == 0) {
      if (op.call == Call::kReadByte) {
        seen.result = *byte;
      } else {
        *byte = op.value;
      }
      return;
    }
    seen.signal = caught.si_signo;
    seen.signal_code = caught.si_code;
    seen.signal_address = reinterpret_cast<std::uint64_t>(caught.si_addr);
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

  std::string maps() const {
    std::string text;
    char block[8192];
    lseek(maps_, 0, SEEK_SET);
    for (ssize_t got = 0; (got = read(maps_, block, sizeof block)) > 0;) {
      text.append(block, static_cast<std::size_t>(got));
    }
    return text;
  }

  TestFile file_;
  int maps_ = -1;
  unsigned char vector_[1 << 16];
};

void send(FILE* to, const Observation& o) {
  fmt::print(to, "{} {} {} {} {} {}\n{}", o.result, o.signal, o.signal_code, o.signal_address,
             o.residency, o.maps.size(), o.maps);
}

bool receive(FILE* from, Observation& o) {
  char residency[kRegionPages + 1];
  std::size_t size = 0;
  static_assert(kRegionPages == 40, "the width in the format");
  if (std::fscanf(from, "%ld %d %d %lu %40s %zu", &o.result, &o.signal, &o.signal_code,
                  &o.signal_address, residency, &size) != 6) {
    return false;
  }
  std::fgetc(from);
  o.residency = residency;
  o.maps.resize(size);
  return std::fread(o.maps.data(), 1, size, from) == size;
}

}  // namespace

std::vector<Observation> run_on_live_kernel(const std::vector<Operation>& operations) {
  int ends[2];
  if (pipe(ends) != 0) return {};
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    FILE* to = fdopen(ends[1], "w");
    LiveKernel kernel;
    for (const Operation& op : operations) send(to, kernel.run(op));
    std::fflush(to);
    _exit(0);
  }
  close(ends[1]);
  FILE* from = fdopen(ends[0], "r");
  std::vector<Observation> seen;
  for (Observation one; receive(from, one);) seen.push_back(std::move(one));
  std::fclose(from);
  int status = 0;
  waitpid(child, &status, 0);
  return seen;
}

}  // namespace gonzo::oracle
