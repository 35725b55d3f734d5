// A guest, or anybody, does the worst to a guest's process: the runner only reports it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>

#include "machine/host/stub/launch.h"
#include "machine/host_fixture.h"
#include "machine/script.h"

namespace gonzo {
namespace {

class HostileTest : public HostFixture {
 protected:
  /// Runs a thread for some traps; whatever it does, each run ends.
  static void survive(HostSpace& space, MachineThread& thread) {
    for (unsigned i = 0; i < 20; ++i) {
      std::atomic<bool> done{false};
      // Whoever loops for ever is interrupted; whoever cannot be is killed.
      std::thread guard([&] {
        thread.interrupt();
        for (unsigned round = 0; !done.load(); ++round) {
          std::this_thread::yield();
          if (round == 20'000) kill(space.process(), SIGKILL);
        }
      });
      const Trap trap = thread.run();
      done.store(true);
      guard.join();
      if (trap.kind == TrapKind::kGone) {
        EXPECT_STRNE(trap.reason, "");
        return;
      }
    }
  }

  /// The machine still works.
  void expect_working() {
    auto space = machine_->create_space(memory_.table()).value();
    CpuRegisters registers;
    registers.rip = kHostData;
    if (memory_.get(kHostData).is_blank()) {
      memory_.map_code(kHostData, Script().syscall(1).assemble());
    }
    auto thread = machine_->create_thread(*space, registers).value();
    expect_syscall(*thread, 1);
  }
};

TEST_F(HostileTest, AKilledProcessIsReported) {
  auto thread = start(Script().syscall(1).assemble());
  expect_syscall(*thread, 1);
  kill(host_space().process(), SIGKILL);
  const Trap trap = thread->run();
  EXPECT_EQ(trap.kind, TrapKind::kGone);
  EXPECT_STRNE(trap.reason, "");
  EXPECT_EQ(thread->run().kind, TrapKind::kGone);
  space_->invalidate({VirtAddr(0), VirtAddr(1) + GONZO_TASK_END}, Stricter::kGone);
  expect_working();
}

TEST_F(HostileTest, AProcessKilledWhileItRunsIsReported) {
  memory_.map(kHostData, kUserWrite);
  auto thread = start(Script().store(kHostData, 1).loop().assemble());
  std::thread killer([&] {
    while (!memory_.get(kHostData).has(pte::kDirty)) std::this_thread::yield();
    kill(host_space().process(), SIGKILL);
  });
  EXPECT_EQ(thread->run().kind, TrapKind::kGone);
  killer.join();
}

TEST_F(HostileTest, SignalsFromOthersDoNotLookLikeFaults) {
  auto thread = start(Script().syscall(1).syscall(2).assemble());
  expect_syscall(*thread, 1);
  for (const int signal : {SIGSEGV, SIGBUS, SIGTRAP, SIGSYS, SIGUSR1, SIGTERM, SIGINT}) {
    kill(host_space().process(), signal);
  }
  expect_syscall(*thread, 2);
}

TEST_F(HostileTest, JumpsIntoTheStubHurtOnlyTheGuest) {
  memory_.map_code(kHostCode, guest_code::jump());
  for (std::uint64_t offset = 0; offset < 0xc00; offset += 61) {
    auto space = machine_->create_space(memory_.table()).value();
    CpuRegisters registers;
    registers.rip = kHostCode;
    registers.rdi = GONZO_STUB_BASE + offset;
    registers.rsp = GONZO_SLOTS_BASE + 3 * GONZO_SLOT_SIZE;  // somewhere among the slots
    auto thread = machine_->create_thread(*space, registers).value();
    survive(static_cast<HostSpace&>(*space), *thread);
  }
  expect_working();
}

// Its copy would keep the slot, and live on.
TEST_F(HostileTest, NoGuestDoublesItsProcessByTheStubsCalls) {
  constexpr std::array<unsigned char, 7> kClone = {0xb8, SYS_clone, 0, 0, 0, 0x0f, 0x05};
  const auto* const found =
      std::search(gonzo_stub_start, gonzo_stub_end, kClone.begin(), kClone.end());
  ASSERT_NE(found, gonzo_stub_end);
  for (const std::uint64_t flags : {0, CLONE_PARENT, CLONE_VM, CLONE_VM | CLONE_VFORK}) {
    auto space = machine_->create_space(memory_.table()).value();
    CpuRegisters registers;
    registers.rip = GONZO_STUB_BASE + static_cast<std::uint64_t>(found - gonzo_stub_start);
    registers.rdi = flags;
    registers.rsp = GONZO_SLOTS_BASE + 3 * GONZO_SLOT_SIZE;
    auto thread = machine_->create_thread(*space, registers).value();
    EXPECT_EQ(thread->run().kind, TrapKind::kGone) << std::hex << flags;
  }
  expect_working();
}

TEST_F(HostileTest, ScribblingOverTheSlotHurtsOnlyTheGuest) {
  memory_.map_code(kHostCode, guest_code::store_and_call());
  std::mt19937_64 random(42);
  for (unsigned i = 0; i < 40; ++i) {
    auto space = machine_->create_space(memory_.table()).value();
    CpuRegisters registers;
    registers.rip = kHostCode;
    // The slots are few: one of these is the thread's own.
    const std::uint64_t slot = 1 + i % 3;
    const std::uint64_t offset = i % 2 == 0 ? random() % 256 : random() % GONZO_SLOT_SIZE;
    registers.rdi = GONZO_SLOTS_BASE + slot * GONZO_SLOT_SIZE + (offset & ~std::uint64_t{7});
    registers.rsi = i % 5 == 0 ? 0 : random();
    auto thread = machine_->create_thread(*space, registers).value();
    survive(static_cast<HostSpace&>(*space), *thread);
  }
  expect_working();
}

TEST_F(HostileTest, AStackPointerIntoTheSlotIsNoHarm) {
  const std::uint64_t slot = GONZO_SLOTS_BASE + GONZO_SLOT_SIZE;
  for (std::uint64_t offset = 0; offset <= GONZO_SLOT_SIZE; offset += 2056) {
    auto space = machine_->create_space(memory_.table()).value();
    memory_.set(kHostCode, Entry());
    CpuRegisters registers;
    const auto code = Script().syscall(1).syscall(2).assemble();
    memory_.map_code(kHostCode, code);
    registers.rip = kHostCode;
    registers.rsp = slot + offset;
    auto thread = machine_->create_thread(*space, registers).value();
    survive(static_cast<HostSpace&>(*space), *thread);
  }
  expect_working();
}

class ImpatientTest : public HostFixture {
 protected:
  ImpatientTest() : HostFixture({.patience = std::chrono::milliseconds(100)}) {}
};

// A guest that gives the turn away by itself runs on, while the runner takes it to wait in the
// stub.
TEST_F(ImpatientTest, WhoOnlyFeignsATrapDoesNotHoldUpCommands) {
  constexpr std::uint64_t kMailbox = GONZO_SLOTS_BASE + GONZO_SLOT_SIZE;
  constexpr std::uint64_t kSeccomp = 1;
  auto thread =
      start(Script()
                .store(kMailbox + offsetof(gonzo_mailbox, signal_fields) + 8,
                       std::uint64_t{AUDIT_ARCH_X86_64} << 32)
                .store(kMailbox + offsetof(gonzo_mailbox, signal_number), SIGSYS | kSeccomp << 32)
                .store(kMailbox + offsetof(gonzo_mailbox, turn), std::uint64_t{GONZO_TURN_RUNNER})
                .loop()
                .assemble());
  EXPECT_EQ(thread->run().kind, TrapKind::kSyscall);
  CpuRegisters registers;
  registers.rip = kHostCode;
  EXPECT_EQ(machine_->create_thread(*space_, registers).error(), Errno::kSrch);
  EXPECT_EQ(thread->run().kind, TrapKind::kGone);
  machine_->create_space(memory_.table()).value();
}

/// Waits until a process that is not our child is gone.
void expect_end_of(int process_fd) {
  pollfd poll_fd{process_fd, POLLIN, 0};
  EXPECT_EQ(poll(&poll_fd, 1, -1), 1);
  close(process_fd);
}

/// Run by the next test in a process of its own, which ThreadSanitizer's runtime wants to be fresh.
/// To GONZO_TEST_CHANNEL, a descriptor: the numbers of its guest processes.
TEST(HostRunnerTest, DISABLED_RunsUntilItIsKilled) {
  GuestMemory memory(PagingFormat::kFourLevel);
  auto machine = create_host_machine(memory.arena()).value();
  auto space = machine->create_space(memory.table()).value();
  auto idle = machine->create_space(memory.table()).value();
  memory.map_code(kHostCode, Script().loop().assemble());
  CpuRegisters registers;
  registers.rip = kHostCode;
  auto thread = machine->create_thread(*space, registers).value();
  const pid_t processes[] = {static_cast<HostSpace&>(*space).process(),
                             static_cast<HostSpace&>(*idle).process()};
  const int channel = std::atoi(getenv("GONZO_TEST_CHANNEL"));
  ASSERT_EQ(write(channel, processes, sizeof processes), ssize_t{sizeof processes});
  thread->run();
}

TEST(HostRunnerTest, WhenTheRunnerIsKilledNoProcessIsLeft) {
  int channel[2];
  ASSERT_EQ(pipe2(channel, O_CLOEXEC), 0);
  const int inherited = dup(channel[1]);
  ASSERT_EQ(setenv("GONZO_TEST_CHANNEL", std::to_string(inherited).c_str(), 1), 0);
  const pid_t runner = fork();
  ASSERT_GE(runner, 0);
  if (runner == 0) {
    execl("/proc/self/exe", "machine_tests", "--gtest_also_run_disabled_tests", "--gtest_brief=1",
          "--gtest_filter=HostRunnerTest.DISABLED_RunsUntilItIsKilled", nullptr);
    _exit(1);
  }
  close(inherited);
  close(channel[1]);
  pid_t processes[2];
  ASSERT_EQ(read(channel[0], processes, sizeof processes), ssize_t{sizeof processes});
  int fds[2];
  for (unsigned i = 0; i < 2; ++i) {
    fds[i] = static_cast<int>(syscall(SYS_pidfd_open, processes[i], 0));
    ASSERT_GE(fds[i], 0);
  }
  kill(runner, SIGKILL);
  for (const int fd : fds) expect_end_of(fd);
  waitpid(runner, nullptr, 0);
  close(channel[0]);
}

TEST(HostRunnerTest, TheMachineOutlivesTheThreadThatMadeIt) {
  GuestMemory memory(PagingFormat::kFourLevel);
  memory.map_code(kHostCode, Script().syscall(1).syscall(2).assemble());
  std::unique_ptr<Machine> machine;
  std::unique_ptr<MachineSpace> space;
  std::unique_ptr<MachineThread> thread;
  std::thread maker([&] {
    machine = create_host_machine(memory.arena()).value();
    space = machine->create_space(memory.table()).value();
    CpuRegisters registers;
    registers.rip = kHostCode;
    thread = machine->create_thread(*space, registers).value();
    EXPECT_EQ(thread->run().kind, TrapKind::kSyscall);
  });
  maker.join();
  EXPECT_EQ(thread->run().kind, TrapKind::kSyscall);
}

TEST(HostRunnerTest, OurChildrenAreInvisibleToAPlainWait) {
  GuestMemory memory(PagingFormat::kFourLevel);
  auto machine = create_host_machine(memory.arena()).value();
  auto space = machine->create_space(memory.table()).value();
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace gonzo
