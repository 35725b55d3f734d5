#include "kernel/run_loop.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <csignal>
#include <functional>

#include "kernel/signal.h"
#include "unit/kernel/soft_world.h"

namespace gonzo {
namespace {

using Kind = SoftStep::Kind;
constexpr std::uint64_t kData = 0x10000000, kExit = 60;

class FakeSyscalls final : public SyscallHandler {
 public:
  void handle(Task& task) override {
    if (task.registers().rax == kExit) return task.exit({.code = 42});
    if (answer) answer(task);
  }
  std::function<void(Task&)> answer;
};

class RunLoopTest : public testing::Test {
 protected:
  RunLoopTest() : task(world.start()) {
    EXPECT_TRUE(world.memory()
                    .map({.hint = VirtAddr(kData),
                          .length = 0x10000,
                          .protection = PROT_READ | PROT_WRITE,
                          .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED})
                    .has_value());
  }
  void step(Kind kind, std::uint64_t address = 0, std::uint64_t data = 0) {
    world.queue().steps.push_back({.kind = kind, .address = VirtAddr(address), .data = data});
  }
  void exit_step() {
    task.registers().rax = kExit;
    step(Kind::kSyscall);
  }
  ExitStatus run() { return run_task(task, syscalls, counters); }

  SoftWorld world;
  Task& task;
  FakeSyscalls syscalls;
  RunCounters counters;
};

TEST_F(RunLoopTest, MendsFaultsAndRunsOn) {
  step(Kind::kWrite, kData + 8, 0x1234);
  step(Kind::kRead, kData + 8);
  step(Kind::kRead, kData + 0x5000);
  exit_step();
  const ExitStatus status = run();
  EXPECT_EQ(status.shell_status(), 42);
  EXPECT_EQ(world.queue().loaded, (std::vector<std::uint64_t>{0x1234, 0}));
  EXPECT_EQ(counters.page_faults, 2U);
  EXPECT_EQ(counters.syscalls, 1U);
  EXPECT_GT(counters.wall.count(), 0);
}

TEST_F(RunLoopTest, ABadAccessIsSigsegvAndShellStatus139) {
  step(Kind::kWrite, 0, 1);
  EXPECT_EQ(run().shell_status(), 139);
  EXPECT_EQ(task.last_fault().trap_number, 14U);
  EXPECT_EQ(task.last_fault().address, 0U);
  EXPECT_TRUE((task.last_fault().error_code & fault_code::kWrite) != 0);
}

TEST_F(RunLoopTest, ExecutingDataIsSigsegv) {
  step(Kind::kRead, kData);
  step(Kind::kExecute, kData);
  EXPECT_EQ(run().signal, SIGSEGV);
}

TEST_F(RunLoopTest, AnExceptionIsItsSignal) {
  world.queue().steps.push_back({.kind = Kind::kException, .vector = 0});
  EXPECT_EQ(run().signal, SIGFPE);
  EXPECT_EQ(counters.exceptions, 1U);
}

TEST_F(RunLoopTest, AnEndlessProgramEndsByASignalFromOutside) {
  // No steps: the soft thread idles until it is interrupted, which it is before it starts.
  ASSERT_TRUE(send_signal(world.process(), SignalInfo::sent(SIGINT, SI_USER, 1, 0)).has_value());
  task.thread().interrupt();
  EXPECT_EQ(run().shell_status(), 128 + SIGINT);
}

TEST_F(RunLoopTest, AnInterruptWithoutASignalIsNothing) {
  task.thread().interrupt();
  exit_step();
  EXPECT_EQ(run().code, 42);
}

TEST_F(RunLoopTest, ACallThatNothingInterruptedInTheEndStartsAgain) {
  task.registers().rax = 35;
  task.registers().rip = 0x400002;
  step(Kind::kSyscall);
  step(Kind::kSyscall);
  int calls = 0;
  syscalls.answer = [&](Task& each) {
    EXPECT_EQ(each.registers().rax, 35U);
    EXPECT_EQ(each.registers().rip, 0x400002U - 2 * static_cast<unsigned>(calls));
    each.registers().rax = static_cast<std::uint64_t>(-restart::kSys);
    if (++calls == 2) each.exit({.code = 7});
  };
  EXPECT_EQ(run().code, 7);
}

}  // namespace
}  // namespace gonzo
