#include <asm/prctl.h>
#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>

#include <array>
#include <csignal>
#include <ctime>

#include "unit/syscall/guest_caller.h"

namespace gonzo {
namespace {

class ProcessCallsTest : public ::testing::Test {
 protected:
  GuestCaller guest_;
};

TEST_F(ProcessCallsTest, Identity) {
  EXPECT_EQ(guest_.call(SYS_getpid), 1);
  EXPECT_EQ(guest_.call(SYS_gettid), 1);
  EXPECT_EQ(guest_.call(SYS_getppid), 0);
  EXPECT_EQ(guest_.call(SYS_getpgid, 0), 1);
  EXPECT_EQ(guest_.call(SYS_getpgid, 2), -ESRCH);
  EXPECT_EQ(guest_.call(SYS_wait4, -1, 0, 0, 0), -ECHILD);
}

TEST_F(ProcessCallsTest, ExitEndsTheTaskWithTheLowByte) {
  guest_.call(SYS_exit_group, 0x1203);
  ASSERT_TRUE(guest_.task().exit_status().has_value());
  EXPECT_EQ(guest_.task().exit_status()->shell_status(), 3);
}

TEST_F(ProcessCallsTest, SegmentBases) {
  EXPECT_EQ(guest_.call(SYS_arch_prctl, ARCH_SET_FS, 0x7000), 0);
  EXPECT_EQ(guest_.task().registers().fs_base, 0x7000U);
  const VirtAddr out = guest_.map(1);
  EXPECT_EQ(guest_.call(SYS_arch_prctl, ARCH_GET_FS, out), 0);
  EXPECT_EQ(guest_.load<std::uint64_t>(out), 0x7000U);
  EXPECT_EQ(guest_.call(SYS_arch_prctl, ARCH_SET_FS, BadPointer::kernel()), -EPERM);
  EXPECT_EQ(guest_.call(SYS_arch_prctl, 0x9999, 0), -EINVAL);
}

TEST_F(ProcessCallsTest, NamesAreCutAtFifteenBytes) {
  EXPECT_EQ(guest_.call(SYS_prctl, PR_SET_NAME, guest_.put("a name that is long")), 0);
  const VirtAddr out = guest_.map(1);
  EXPECT_EQ(guest_.call(SYS_prctl, PR_GET_NAME, out), 0);
  EXPECT_STREQ(guest_.text(out, 16).c_str(), "a name that is ");
  EXPECT_EQ(guest_.call(SYS_prctl, PR_SET_NAME, kUnmapped), -EFAULT);
  EXPECT_EQ(guest_.call(SYS_prctl, 123456), -EINVAL);
}

TEST_F(ProcessCallsTest, LimitsReachTheAddressSpace) {
  const VirtAddr limits = guest_.map(1);
  ASSERT_TRUE(guest_.memory().store(limits, ResourceLimit{.soft = 1 << 20}).has_value());
  EXPECT_EQ(guest_.call(SYS_setrlimit, RLIMIT_AS, limits), 0);
  EXPECT_EQ(guest_.memory().limits().address_space, 1U << 20);
  EXPECT_EQ(guest_.call(SYS_mmap, 0, 2 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            -ENOMEM);
  ASSERT_TRUE(guest_.memory().store(limits, ResourceLimit{.soft = 5, .hard = 4}).has_value());
  EXPECT_EQ(guest_.call(SYS_setrlimit, RLIMIT_DATA, limits), -EINVAL);
  EXPECT_EQ(guest_.call(SYS_setrlimit, 16, limits), -EINVAL);
  EXPECT_EQ(guest_.call(SYS_prlimit64, 2, RLIMIT_AS, 0, limits), -ESRCH);
  EXPECT_EQ(guest_.call(SYS_prlimit64, 0, RLIMIT_AS, 0, limits), 0);
  EXPECT_EQ(guest_.load<ResourceLimit>(limits).soft, 1U << 20);
}

TEST_F(ProcessCallsTest, FiguresAreOurs) {
  const VirtAddr out = guest_.map(1);
  ASSERT_EQ(guest_.call(SYS_sysinfo, out), 0);
  EXPECT_EQ(guest_.load<struct sysinfo>(out).totalram, 64U << 20);
  const VirtAddr touched = guest_.map(10);
  for (std::uint64_t page = 0; page < 10; ++page) {
    ASSERT_TRUE(mended(guest_.memory().fault(touched + page * kPageSize, Access::kWrite)));
  }
  ASSERT_EQ(guest_.call(SYS_getrusage, RUSAGE_SELF, out), 0);
  EXPECT_GE(guest_.load<rusage>(out).ru_minflt, 10);
  EXPECT_GE(guest_.load<rusage>(out).ru_maxrss, 40);
  EXPECT_EQ(guest_.call(SYS_getrusage, 5, out), -EINVAL);
}

TEST_F(ProcessCallsTest, Futexes) {
  const VirtAddr word = guest_.map(1);
  ASSERT_TRUE(guest_.memory().store(word, 5).has_value());
  EXPECT_EQ(guest_.call(SYS_futex, word, FUTEX_WAIT, 4, 0), -EAGAIN);
  EXPECT_EQ(guest_.call(SYS_futex, word + 1, FUTEX_WAIT, 4, 0), -EINVAL);
  EXPECT_EQ(guest_.call(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1), 0);
  const VirtAddr timeout = word + 64;
  ASSERT_TRUE(guest_.memory().store(timeout, timespec{0, 1000}).has_value());
  EXPECT_EQ(guest_.call(SYS_futex, word, FUTEX_WAIT, 5, timeout), -ETIMEDOUT);
  EXPECT_EQ(guest_.call(SYS_futex, word, FUTEX_WAIT_BITSET, 5, timeout, 0, 1), -ETIMEDOUT);
  EXPECT_EQ(guest_.call(SYS_futex, word, FUTEX_WAIT_BITSET, 5, timeout, 0, 0), -EINVAL);
  ASSERT_TRUE(guest_.memory().store(timeout, timespec{0, -1}).has_value());
  EXPECT_EQ(guest_.call(SYS_futex, word, FUTEX_WAIT, 5, timeout), -EINVAL);
  EXPECT_EQ(guest_.call(SYS_futex, word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 5, 0), -ENOSYS);
  EXPECT_EQ(guest_.call(SYS_futex, word, FUTEX_REQUEUE, -1, 1, word), -EINVAL);
  EXPECT_EQ(guest_.call(SYS_futex, word, FUTEX_CMP_REQUEUE, 1, 1, word, 4), -EAGAIN);
  constexpr int kAdd7 = FUTEX_OP(FUTEX_OP_ADD, 7, FUTEX_OP_CMP_EQ, 0);
  EXPECT_EQ(guest_.call(SYS_futex, word, FUTEX_WAKE_OP, 1, 1, word, kAdd7), 0);
  EXPECT_EQ(guest_.load<std::uint32_t>(word), 12U);
}

TEST_F(ProcessCallsTest, Sleeps) {
  const VirtAddr time = guest_.map(1);
  ASSERT_TRUE(guest_.memory().store(time, timespec{0, 1000}).has_value());
  EXPECT_EQ(guest_.call(SYS_nanosleep, time, 0), 0);
  EXPECT_EQ(guest_.call(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, time, 0), 0);
  EXPECT_EQ(guest_.call(SYS_clock_nanosleep, 99, 0, time, 0), -EINVAL);
  ASSERT_TRUE(guest_.memory().store(time, timespec{0, 1'000'000'000}).has_value());
  EXPECT_EQ(guest_.call(SYS_nanosleep, time, 0), -EINVAL);
}

TEST_F(ProcessCallsTest, SignalsThatOneSendsToOneself) {
  EXPECT_EQ(guest_.call(SYS_kill, 1, 0), 0);
  EXPECT_EQ(guest_.call(SYS_kill, 2, 0), -ESRCH);
  EXPECT_EQ(guest_.call(SYS_kill, 1, 65), -EINVAL);
  EXPECT_EQ(guest_.call(SYS_tgkill, 1, 1, SIGUSR1), 0);
  EXPECT_EQ(guest_.call(SYS_tgkill, 1, 2, SIGUSR1), -ESRCH);
  EXPECT_EQ(guest_.call(SYS_tgkill, 0, 1, SIGUSR1), -EINVAL);
  EXPECT_NE(guest_.task().pending().set() & signal_bit(SIGUSR1), 0U);
  const VirtAddr set = guest_.map(1);
  ASSERT_TRUE(guest_.memory().store(set, signal_bit(SIGUSR1)).has_value());
  EXPECT_EQ(guest_.call(SYS_rt_sigtimedwait, set, 0, 0, 8), SIGUSR1);
  EXPECT_EQ(guest_.call(SYS_rt_sigprocmask, SIG_BLOCK, set, set, 4), -EINVAL);
  EXPECT_EQ(guest_.call(SYS_rt_sigprocmask, 7, set, 0, 8), -EINVAL);
}

TEST_F(ProcessCallsTest, Select) {
  const VirtAddr pipe = guest_.map(1), sets = guest_.map(1);
  ASSERT_EQ(guest_.call(SYS_pipe2, pipe, 0), 0);
  const auto ends = guest_.load<std::array<int, 2>>(pipe);
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  FD_SET(ends[1], &set);
  ASSERT_TRUE(guest_.memory().store(sets, set).has_value());
  ASSERT_TRUE(guest_.memory().store(sets + 256, set).has_value());
  ASSERT_TRUE(guest_.memory().store(sets + 512, timeval{0, 0}).has_value());
  EXPECT_EQ(guest_.call(SYS_select, 2, sets, sets + 256, 0, sets + 512), 1);
  EXPECT_EQ(guest_.load<std::uint64_t>(sets), 0U);
  EXPECT_EQ(guest_.load<std::uint64_t>(sets + 256), 1ULL << ends[1]);
  FD_SET(9, &set);
  ASSERT_TRUE(guest_.memory().store(sets, set).has_value());
  EXPECT_EQ(guest_.call(SYS_select, 10, sets, 0, 0, sets + 512), -EBADF);
  EXPECT_EQ(guest_.call(SYS_select, -1, 0, 0, 0, sets + 512), -EINVAL);
}

}  // namespace
}  // namespace gonzo
