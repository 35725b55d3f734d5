// Every pointer argument of every call, bad: the guest gets what the live kernel gives.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <string_view>

#include "unit/syscall/guest_caller.h"

namespace gonzo {
namespace {

/// With good values in their other arguments these end, block, or change the test's own process,
/// its clock or its limits, or remove what is the host's; or a pointer of theirs is looked at only
/// with values that are not zero.
const std::set<std::string_view> kLeftOut = {
    "exit",          "exit_group",      "pause",           "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "restart_syscall", "setgroups",
    "clock_settime", "adjtimex",        "clock_adjtime",   "prlimit64",
    "setrlimit",     "futex",           "sendfile",        "copy_file_range",
    "splice",        "openat2",         "get_robust_list", "sigaltstack",
    "rt_sigaction",  "rt_sigprocmask",  "wait4",           "waitid",
    "time",          "ioctl",           "mincore",         "shmctl"};

enum class Side { kGuest, kHost };

/// Good values for one side: the same contents, addresses and numbers of its own.
struct GoodValues {
  std::uint64_t descriptor, path, zeros;

  std::uint64_t of(const Argument& argument) const {
    switch (argument.kind) {
      case ArgumentKind::kDescriptor:
        return descriptor;
      case ArgumentKind::kDirectory:
        return static_cast<std::uint64_t>(AT_FDCWD);
      case ArgumentKind::kPath:
      case ArgumentKind::kString:
        return path;
      case ArgumentKind::kBytes:
      case ArgumentKind::kLength:
      case ArgumentKind::kPointer:
        return zeros;
      case ArgumentKind::kInteger:
        // Sizes of buffers; for flags and modes 8 is harmless too where it is valid at all.
        return argument.style == Style::kUnsigned ? 8 : 0;
      case ArgumentKind::kNone:
        break;
    }
    return 0;
  }
};

constexpr std::string_view kPath = "/nonexistent-directory/file";

class BadPointerTest : public ::testing::Test {
 protected:
  BadPointerTest() {
    host_page_ = static_cast<char*>(
        mmap(nullptr, 2 * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    kPath.copy(host_page_, kPath.size());
    host_bad_ = mmap(nullptr, kPageSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    host_fd_ = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    const VirtAddr page = guest_.map(2);
    guest_.write(page, kPath);
    guest_good_ = {static_cast<std::uint64_t>(guest_.open("/dev/null", O_RDWR)), page.value,
                   page.value + kPageSize};
    host_good_ = {static_cast<std::uint64_t>(host_fd_), reinterpret_cast<std::uint64_t>(host_page_),
                  reinterpret_cast<std::uint64_t>(host_page_) + kPageSize};
  }
  ~BadPointerTest() override {
    munmap(host_page_, 2 * kPageSize);
    munmap(host_bad_, kPageSize);
    ::close(host_fd_);
  }

  static Arguments arguments(const SyscallRow& row, const GoodValues& good, unsigned bad_index,
                             std::uint64_t bad) {
    Arguments result{};
    for (unsigned i = 0; i < 6; ++i) {
      result[i] = i == bad_index ? bad : good.of(row.signature.arguments[i]);
    }
    return result;
  }

  void expect_as_host(const SyscallRow& row, unsigned index, std::uint64_t guest_bad,
                      std::uint64_t host_bad) {
    std::memset(host_page_ + kPageSize, 0, kPageSize);  // what the last call put there goes
    ASSERT_TRUE(guest_.memory().clear(VirtAddr(guest_good_.zeros), kPageSize).has_value());
    const Arguments host = arguments(row, host_good_, index, host_bad);
    errno = 0;
    const long native = syscall(row.number, host[0], host[1], host[2], host[3], host[4], host[5]);
    const std::int64_t expected = native == -1 ? -errno : native;
    const std::int64_t got = guest_.syscalls().answer(
        guest_.task(), row.number, arguments(row, guest_good_, index, guest_bad));
    // Where it succeeds, numbers differ (descriptors, times): that it does is what counts.
    const auto outcome = [](std::int64_t value) { return value < 0 ? value : 0; };
    EXPECT_EQ(outcome(got), outcome(expected))
        << row.name << ", argument " << index << " = " << std::hex << guest_bad << ": "
        << strerrorname_np(static_cast<int>(-got)) << " instead of "
        << strerrorname_np(static_cast<int>(-expected));
    if (expected >= 0 && row.signature.result == Returns::kDescriptor) {
      ::close(static_cast<int>(native));
    }
  }

  GuestCaller guest_;
  char* host_page_;
  void* host_bad_;
  int host_fd_;
  GoodValues guest_good_{}, host_good_{};
};

TEST_F(BadPointerTest, EveryPointerOfEveryRow) {
  int tried = 0;
  for (const SyscallRow* row : guest_.syscalls().table().rows()) {
    if (row == nullptr || row->signature.absent != Errno{} || kLeftOut.contains(row->name)) {
      continue;
    }
    for (unsigned i = 0; i < row->argument_count(); ++i) {
      if (!row->signature.arguments[i].is_pointer()) continue;
      ++tried;
      expect_as_host(*row, i, kUnmapped.value, reinterpret_cast<std::uint64_t>(host_bad_));
      expect_as_host(*row, i, BadPointer::kernel(), BadPointer::kernel());
    }
  }
  EXPECT_GT(tried, 100);
}

TEST_F(BadPointerTest, NullWhereItIsAllowedAndWhereNot) {
  for (const SyscallRow* row : guest_.syscalls().table().rows()) {
    if (row == nullptr || !row->is_pass_through() || kLeftOut.contains(row->name)) continue;
    for (unsigned i = 0; i < row->argument_count(); ++i) {
      if (row->signature.arguments[i].is_pointer()) expect_as_host(*row, i, 0, 0);
    }
  }
}

TEST_F(BadPointerTest, HandlersThatTheSweepLeavesOut) {
  const std::uint64_t bad = kUnmapped.value;
  EXPECT_EQ(guest_.call(SYS_rt_sigaction, 10, bad, 0, 8), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_rt_sigaction, 10, 0, bad, 8), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_rt_sigprocmask, 0, bad, 0, 8), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_rt_sigprocmask, 0, 0, bad, 8), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_rt_sigsuspend, bad, 8), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_rt_sigtimedwait, bad, 0, 0, 8), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_sigaltstack, bad, 0), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_sigaltstack, 0, bad), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_prlimit64, 0, 3, 0, bad), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_prlimit64, 0, 3, bad, 0), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_setrlimit, 3, bad), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_futex, bad, 0, 0, 0), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_openat2, AT_FDCWD, bad, guest_.map(1), 24), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_openat2, AT_FDCWD, guest_.put("/"), bad, 24), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_time, bad), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_mincore, guest_.map(1), kPageSize, bad), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_get_robust_list, 0, bad, guest_.map(1)), -EFAULT);
  for (const int command : {IPC_STAT, IPC_SET, IPC_INFO, SHM_INFO, SHM_STAT, SHM_STAT_ANY}) {
    const std::int64_t id = guest_.call(SYS_shmget, IPC_PRIVATE, kPageSize, 0600);
    const std::int64_t index = command == SHM_STAT || command == SHM_STAT_ANY ? 0 : id;
    EXPECT_EQ(guest_.call(SYS_shmctl, index, command, bad), -EFAULT) << command;
  }
  const int file = guest_.open("/etc/passwd"), sink = guest_.open("/dev/null", O_WRONLY);
  EXPECT_EQ(guest_.call(SYS_sendfile, sink, file, bad, 10), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_ioctl, file, 0x541b /* FIONREAD */, bad), -EFAULT);
}

}  // namespace
}  // namespace gonzo
