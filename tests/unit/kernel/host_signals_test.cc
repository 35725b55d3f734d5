#include "kernel/host_signals.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "kernel/interruptible_call.h"
#include "kernel/interruptible_window.h"
#include "kernel/kick.h"
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
  }
  SoftWorld world;
  FakeThread* thread = nullptr;
  Task* task = nullptr;
};

TEST_F(HostSignalsTest, ASignalBecomesTheGuestsAndInterruptsIt) {
  hand_on_signal(world.system(), SignalInfo::sent(SIGTERM, SI_USER, 7, 8));
  EXPECT_EQ(thread->interrupts, 1);
  EXPECT_TRUE(needs_attention(*task));
  deliver_signals(*task);
  ASSERT_TRUE(task->exit_status());
  EXPECT_EQ(task->exit_status()->shell_status(), 128 + SIGTERM);
}

TEST_F(HostSignalsTest, CarriesSenderAndValue) {
  hand_on_signal(world.system(), SignalInfo::sent(SIGUSR1, SI_QUEUE, 7, 8, 77));
  const auto info = world.process().pending().take(0);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->code, SI_QUEUE);
  EXPECT_EQ(static_cast<pid_t>(info->fields[0]), 7);
  EXPECT_EQ(static_cast<int>(info->fields[1]), 77);
}

TEST_F(HostSignalsTest, RealTimeSignalsKeepTheirNumberAndOrder) {
  for (unsigned i = 0; i < 3; ++i) {
    hand_on_signal(world.system(), SignalInfo::sent(SIGRTMIN + 3, SI_QUEUE, 7, 8, i));
  }
  for (int i = 0; i < 3; ++i) {
    const auto info = world.process().pending().take(0);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->signal, SIGRTMIN + 3);
    EXPECT_EQ(static_cast<int>(info->fields[1]), i);
  }
}

TEST_F(HostSignalsTest, ABlockedSignalInterruptsNobody) {
  task->set_signal_mask(signal_bit(SIGINT));
  hand_on_signal(world.system(), SignalInfo::fault(SIGINT, SI_KERNEL, 0));
  EXPECT_EQ(thread->interrupts, 0);
  EXPECT_TRUE(world.process().pending().set() & signal_bit(SIGINT));
  task->set_signal_mask(0);
  EXPECT_TRUE(needs_attention(*task));
}

TEST_F(HostSignalsTest, AnAwaitedSignalInterruptsThoughItIsBlocked) {
  task->set_signal_mask(signal_bit(SIGINT));
  task->set_awaited_signals(signal_bit(SIGINT));
  hand_on_signal(world.system(), SignalInfo::fault(SIGINT, SI_KERNEL, 0));
  EXPECT_EQ(thread->interrupts, 1);
}

TEST_F(HostSignalsTest, LeavesNothingBehind) {
  sigset_t before, after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  HostSignals::install(world.system())->wait_for_end();  // nothing runs
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int signal = 1; signal < kKickSignal; ++signal) {
    EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal)) << signal;
  }
  struct sigaction pipe_action{};
  sigaction(SIGPIPE, nullptr, &pipe_action);
  EXPECT_EQ(pipe_action.sa_handler, SIG_DFL);
}

TEST_F(HostSignalsTest, ANoticeBeforeTheCallKeepsItFromBlocking) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  task->notify();
  char byte = 0;
  EXPECT_EQ(interruptible_call(*task, SYS_read,
                               {static_cast<std::uint64_t>(ends[0]),
                                reinterpret_cast<std::uintptr_t>(&byte), 1, 0, 0, 0}),
            -EINTR);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(HostSignalsTest, ANoticeBreaksACallOff) {
  install_kick();
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  std::int64_t result = 0;
  std::thread caller([&] {
    task->set_host_thread(gettid());
    char byte = 0;
    result = interruptible_call(
        *task, SYS_read,
        {static_cast<std::uint64_t>(ends[0]), reinterpret_cast<std::uintptr_t>(&byte), 1, 0, 0, 0});
  });
  while (!task->blocking().load()) std::this_thread::yield();
  task->notify();
  caller.join();
  EXPECT_EQ(result, -EINTR);
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
