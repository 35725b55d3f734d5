#include "kernel/host_signals.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "kernel/interruptible_call.h"
#include "kernel/interruptible_window.h"
#include "kernel/signal.h"
#include "unit/kernel/fake_thread.h"
#include "unit/kernel/soft_world.h"

namespace gonzo {
namespace {

class HostSignalsTest : public testing::Test {
 protected:
  HostSignalsTest() {
    auto owned = std::make_unique<FakeThread>();
    thread = owned.get();
    task = &world.start(std::move(owned));
    auto installed = HostSignals::install(*task);
    EXPECT_TRUE(installed.has_value());
    signals = std::move(*installed);
  }
  static void* handler_of(int signal) {
    struct sigaction action{};
    sigaction(signal, nullptr, &action);
    return reinterpret_cast<void*>(action.sa_sigaction);
  }
  static bool is_blocked(int signal) {
    sigset_t mask;
    sigprocmask(SIG_SETMASK, nullptr, &mask);
    return sigismember(&mask, signal) == 1;
  }

  SoftWorld world;
  FakeThread* thread = nullptr;
  Task* task = nullptr;
  std::unique_ptr<HostSignals> signals;
};

TEST_F(HostSignalsTest, ASignalBecomesTheGuestsAndInterruptsIt) {
  ::kill(getpid(), SIGTERM);
  EXPECT_EQ(thread->interrupts, 1);
  EXPECT_TRUE(needs_attention(*task));
  deliver_signals(*task);
  ASSERT_TRUE(task->exit_status());
  EXPECT_EQ(task->exit_status()->shell_status(), 128 + SIGTERM);
}

TEST_F(HostSignalsTest, CarriesSenderAndValue) {
  task->set_signal_mask(signal_bit(SIGUSR1));
  task->set_signal_mask(0);
  const sigval value{.sival_int = 77};
  ASSERT_EQ(sigqueue(getpid(), SIGUSR1, value), 0);
  task->signal_source()->collect(*task);
  const auto info = world.process().pending().take(0);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->code, SI_QUEUE);
  EXPECT_EQ(static_cast<pid_t>(info->fields[0]), getpid());
  EXPECT_EQ(static_cast<int>(info->fields[1]), 77);
}

TEST_F(HostSignalsTest, RealTimeSignalsKeepTheirNumberAndOrder) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(sigqueue(getpid(), SIGRTMIN + 3, sigval{.sival_int = i}), 0);
  }
  task->signal_source()->collect(*task);
  for (int i = 0; i < 3; ++i) {
    const auto info = world.process().pending().take(0);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->signal, SIGRTMIN + 3);
    EXPECT_EQ(static_cast<int>(info->fields[1]), i);
  }
}

TEST_F(HostSignalsTest, TheHostBlocksAndIgnoresWhatTheGuestDoes) {
  task->set_signal_mask(signal_bit(SIGINT) | signal_bit(SIGSEGV));
  EXPECT_TRUE(is_blocked(SIGINT));
  EXPECT_FALSE(is_blocked(SIGSEGV)) << "the runner's own mistakes are not to be hidden";
  ::kill(getpid(), SIGINT);
  EXPECT_EQ(thread->interrupts, 0);
  EXPECT_EQ(task->signal_source()->held(), signal_bit(SIGINT));
  ASSERT_TRUE(set_signal_action(*task, SIGINT, {.handler = 1}).has_value());
  EXPECT_EQ(handler_of(SIGINT), reinterpret_cast<void*>(SIG_IGN));
  task->set_signal_mask(0);
  EXPECT_FALSE(is_blocked(SIGINT));
  EXPECT_EQ(thread->interrupts, 0);
  ASSERT_TRUE(set_signal_action(*task, SIGINT, {}).has_value());
  ::kill(getpid(), SIGINT);
  EXPECT_EQ(thread->interrupts, 1);
}

TEST_F(HostSignalsTest, StopsAreTheHostsUntilTheGuestHandlesThem) {
  EXPECT_EQ(handler_of(SIGTSTP), reinterpret_cast<void*>(SIG_DFL));
  ASSERT_TRUE(
      set_signal_action(*task, SIGTSTP, {.handler = 0x401000, .flags = 0x04000000}).has_value());
  ::kill(getpid(), SIGTSTP);
  EXPECT_EQ(thread->interrupts, 1);
}

TEST_F(HostSignalsTest, LeavesNothingBehind) {
  signals.reset();
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGALRM, SIGPIPE}) {
    EXPECT_EQ(handler_of(signal), reinterpret_cast<void*>(SIG_DFL)) << signal;
  }
  EXPECT_EQ(task->signal_source(), nullptr);
  ASSERT_TRUE(HostSignals::install(*task).has_value());
}

TEST_F(HostSignalsTest, OneAtATime) {
  EXPECT_EQ(HostSignals::install(*task).error(), Errno::kBusy);
  ::kill(getpid(), SIGUSR1);
  EXPECT_EQ(thread->interrupts, 1) << "the refused one has undone nothing";
}

TEST_F(HostSignalsTest, ABlockingCallReturnsWhenASignalComes) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const itimerval soon{.it_interval = {0, 1000}, .it_value = {0, 1000}};
  const itimerval never{};
  ASSERT_EQ(setitimer(ITIMER_REAL, &soon, nullptr), 0);
  char byte = 0;
  const std::int64_t result = interruptible_call(
      *task, SYS_read,
      {static_cast<std::uint64_t>(ends[0]), reinterpret_cast<std::uintptr_t>(&byte), 1, 0, 0, 0});
  setitimer(ITIMER_REAL, &never, nullptr);
  EXPECT_EQ(result, -EINTR);
  deliver_signals(*task);
  EXPECT_EQ(task->exit_status().value().signal, SIGALRM);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(HostSignalsTest, ASignalBeforeTheCallKeepsItFromBlocking) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  ::kill(getpid(), SIGUSR1);
  char byte = 0;
  EXPECT_EQ(interruptible_call(*task, SYS_read,
                               {static_cast<std::uint64_t>(ends[0]),
                                reinterpret_cast<std::uintptr_t>(&byte), 1, 0, 0, 0}),
            -EINTR);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(HostSignalsTest, CallsPassTheirSixArgumentsAndResult) {
  EXPECT_EQ(interruptible_call(*task, SYS_getpid, {}), getpid());
  EXPECT_EQ(interruptible_call(*task, SYS_close, {~0ULL}), -EBADF);
  const std::int64_t address = interruptible_call(
      *task, SYS_mmap,
      {0, 4096, 3, 0x22, ~0ULL, 0});  // PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS
  ASSERT_GT(address, 0);
  EXPECT_EQ(interruptible_call(*task, SYS_munmap, {static_cast<std::uint64_t>(address), 4096}), 0);
}

TEST(InterruptibleWindow, IsLeftOnlyFromInside) {
  const auto outside = reinterpret_cast<std::uintptr_t>(&getpid);
  EXPECT_EQ(leave_interruptible_window(outside), outside);
}

}  // namespace
}  // namespace gonzo
