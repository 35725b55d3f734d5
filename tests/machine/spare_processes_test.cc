// Host processes that serve one guest after the other.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "machine/host_fixture.h"
#include "machine/script.h"

namespace gonzo {
namespace {

class SpareProcessesTest : public HostFixture {
 protected:
  /// The space's process gets another guest, as soon as it has unmapped what it had.
  void renew() {
    const pid_t process = host_space().process();
    space_.reset();
    for (;;) {
      space_ = machine_->create_space(memory_.table()).value();
      if (host_space().process() == process) return;
      others_.push_back(std::move(space_));
    }
  }
  gonzo_mailbox& mailbox_of(const MachineThread& thread) const {
    // The frame that the kernel made lies in the thread's slot.
    for (std::uint32_t slot = 1;; ++slot) {
      const auto bytes = parts().slots->bytes(slot);
      auto* const state = const_cast<MachineThread&>(thread).extended_state().data();
      if (state >= bytes.data() && state < bytes.data() + bytes.size()) {
        return parts().slots->mailbox(slot);
      }
    }
  }
  const HostParts& parts() const { return static_cast<HostSpace&>(*space_).parts(); }

  std::vector<std::unique_ptr<MachineSpace>> others_;
};

TEST_F(SpareProcessesTest, TheNextGuestFindsNothingOfTheLast) {
  memory_.map(kHostData, kUserWrite);
  {
    auto thread = start(Script().store(kHostData, 1).syscall(1).assemble());
    thread->registers().fs_base = 0x7000;
    expect_syscall(*thread, 1);
  }
  memory_.set(kHostData, Entry());
  memory_.set(kHostCode, Entry());
  renew();
  auto thread = start(Script().load(kHostData).syscall(2).assemble());
  EXPECT_EQ(thread->registers().fs_base, 0U);
  const Trap trap = thread->run();
  ASSERT_EQ(trap.kind, TrapKind::kPageFault);
  EXPECT_EQ(trap.address, VirtAddr(kHostData));
  memory_.map(kHostData, kUserRead);
  expect_syscall(*thread, 2);
  EXPECT_EQ(thread->registers().r12, 0U);
  EXPECT_EQ(thread->registers().fs_base, 0U);
}

TEST_F(SpareProcessesTest, WhatAGuestWroteOverIsMended) {
  {
    auto thread = start(Script().syscall(1).assemble());
    expect_syscall(*thread, 1);
    gonzo_mailbox& mailbox = mailbox_of(*thread);
    mailbox.arena_fd = -1;
    mailbox.robust_next = mailbox.robust_entry = 0;
    mailbox.robust_offset = 4;
  }
  renew();
  auto thread = start(Script().syscall(1).loop().assemble());
  expect_syscall(*thread, 1);  // it could not have mapped its code
  kill(host_space().process(), SIGKILL);
  EXPECT_EQ(thread->run().kind, TrapKind::kGone);
}

TEST_F(SpareProcessesTest, TheLastGuestsCpuTimeIsNotTheNexts) {
  constexpr std::chrono::milliseconds kMuch(30);
  {
    auto thread = start(Script().loop().assemble());
    std::thread watch([&] {
      while (thread->times().guest < kMuch) std::this_thread::yield();
      thread->interrupt();
    });
    EXPECT_EQ(thread->run().kind, TrapKind::kInterrupted);
    watch.join();
  }
  memory_.set(kHostCode, Entry());
  renew();
  auto thread = start(Script().syscall(1).assemble());
  expect_syscall(*thread, 1);
  EXPECT_LT(thread->times().guest, kMuch);
}

TEST_F(SpareProcessesTest, OneThatWasKilledMeanwhileIsLeftAlone) {
  renew();
  const pid_t process = host_space().process();
  space_.reset();
  kill(process, SIGKILL);
  siginfo_t ended;
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(process), &ended, WEXITED | WNOWAIT | __WALL), 0);
  for (int i = 0; i < 20; ++i) {
    space_ = machine_->create_space(memory_.table()).value();
    EXPECT_NE(host_space().process(), process);
    auto thread = start(Script().syscall(1).assemble());
    expect_syscall(*thread, 1);
    thread.reset();
    others_.push_back(std::move(space_));
  }
  space_ = machine_->create_space(memory_.table()).value();
}

TEST_F(SpareProcessesTest, AThreadThatHasEndedIsNoCompany) {
  memory_.map(kHostData, kUserWrite);
  auto thread = start(Script().syscall(1).store(kHostData, 1).syscall(2).assemble());
  expect_syscall(*thread, 1);
  CpuRegisters registers;
  registers.rip = kHostCode;
  auto other = machine_->create_thread(*space_, registers).value();
  expect_syscall(*other, 1);
  other.reset();
  space_->invalidate({VirtAddr(kHostCode), VirtAddr(kHostCode + kPageSize)}, Stricter::kGone);
  expect_syscall(*thread, 2);
}

}  // namespace
}  // namespace gonzo
