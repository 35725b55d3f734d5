#include "kernel/signal.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "kernel/signal_frame.h"
#include "unit/kernel/fake_thread.h"
#include "unit/kernel/soft_world.h"

namespace gonzo {
namespace {

constexpr std::uint64_t kRestorer = 0x04000000;
constexpr std::uint64_t kHandler = 0x401000, kCode = 0x400100;
constexpr std::uint64_t kStack = 0x10000000, kStackSize = 0x20000;

class SignalTest : public testing::Test {
 protected:
  SignalTest() : task(world.start(std::make_unique<FakeThread>())) {
    EXPECT_TRUE(world.memory()
                    .map({.hint = VirtAddr(kStack),
                          .length = kStackSize,
                          .protection = PROT_READ | PROT_WRITE,
                          .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED})
                    .has_value());
    task.registers().rsp = kStack + kStackSize;
    task.registers().rip = kCode;
  }
  void handle(int signal, std::uint64_t flags = 0, SignalSet mask = 0) {
    const SignalAction action{.handler = kHandler + static_cast<std::uint64_t>(signal),
                              .flags = flags | kRestorer,
                              .restorer = 0x402000,
                              .mask = mask};
    ASSERT_TRUE(set_signal_action(task, signal, action).has_value());
  }
  void send(int signal) {
    ASSERT_TRUE(send_signal(task, SignalInfo::sent(signal, SI_TKILL, 1, 0)).has_value());
  }
  bool in_handler_of(int signal) {
    return task.registers().rip == kHandler + static_cast<std::uint64_t>(signal);
  }
  void handler_returns() {
    task.registers().rsp += 8;
    return_from_signal(task);
  }

  SoftWorld world;
  Task& task;
};

TEST_F(SignalTest, DefaultActionsAreTheKernels) {
  // Asked: a child of ours that sends itself the signal.
  for (int signal = 1; signal <= kSignals; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP || signal == 32 || signal == 33) continue;
    const pid_t pid = fork();
    if (pid == 0) {
      ::signal(signal, SIG_DFL);
      sigset_t none;
      sigemptyset(&none);
      sigprocmask(SIG_SETMASK, &none, nullptr);
      setpgid(0, 0);
      const struct rlimit no_core{};
      setrlimit(RLIMIT_CORE, &no_core);
      ::kill(getpid(), signal);
      _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, WUNTRACED);
    const DefaultAction ours = default_action(signal);
    const bool kills = ours == DefaultAction::kTerminate || ours == DefaultAction::kCore;
    EXPECT_EQ(WIFSIGNALED(status), kills) << signal;
    // An orphaned process group is not stopped by the terminal's signals.
    if (WIFSTOPPED(status)) {
      EXPECT_EQ(ours, DefaultAction::kStop) << signal;
      ::kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
    }
  }
}

TEST_F(SignalTest, ActionsAreSetAsTheKernelSetsThem) {
  SignalActions& actions = world.process().signals();
  EXPECT_EQ(actions.set(0, {}).error(), Errno::kInval);
  EXPECT_EQ(actions.set(65, {}).error(), Errno::kInval);
  EXPECT_EQ(actions.set(SIGKILL, {}).error(), Errno::kInval);
  EXPECT_EQ(actions.set(SIGSTOP, {}).error(), Errno::kInval);
  EXPECT_TRUE(actions.get(SIGKILL).has_value());
  struct KernelAction {
    std::uint64_t handler, flags, restorer, mask;
  };
  const KernelAction wanted{kHandler, ~std::uint64_t{0}, 0x1234, ~std::uint64_t{0}};
  KernelAction before{}, theirs{};
  ASSERT_EQ(syscall(SYS_rt_sigaction, SIGUSR2, nullptr, &before, 8), 0);
  ASSERT_EQ(syscall(SYS_rt_sigaction, SIGUSR2, &wanted, nullptr, 8), 0);
  ASSERT_EQ(syscall(SYS_rt_sigaction, SIGUSR2, nullptr, &theirs, 8), 0);
  ASSERT_EQ(syscall(SYS_rt_sigaction, SIGUSR2, &before, nullptr, 8), 0);
  ASSERT_TRUE(actions
                  .set(SIGUSR2, {.handler = wanted.handler,
                                 .flags = wanted.flags & ~kI386Action,
                                 .restorer = wanted.restorer,
                                 .mask = wanted.mask})
                  .has_value());
  const SignalAction ours = actions.get(SIGUSR2).value();
  EXPECT_EQ(ours.handler, theirs.handler);
  EXPECT_EQ(ours.flags, theirs.flags);
  EXPECT_EQ(ours.restorer, theirs.restorer);
  EXPECT_EQ(ours.mask, theirs.mask);
}

TEST_F(SignalTest, DefaultEndsOrDoesNothing) {
  send(SIGCHLD);
  send(SIGCONT);
  deliver_signals(task);
  EXPECT_FALSE(task.exit_status());
  send(SIGTERM);
  EXPECT_TRUE(needs_attention(task));
  deliver_signals(task);
  ASSERT_TRUE(task.exit_status());
  EXPECT_EQ(task.exit_status()->shell_status(), 128 + SIGTERM);
}

TEST_F(SignalTest, ABlockedSignalWaitsAndItsMaskCannotHoldSigkill) {
  task.set_signal_mask(~SignalSet{0});
  EXPECT_EQ(task.signal_mask(), ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP)));
  send(SIGTERM);
  deliver_signals(task);
  EXPECT_FALSE(task.exit_status());
  EXPECT_EQ(task.pending().set(), signal_bit(SIGTERM));
  EXPECT_FALSE(needs_attention(task));
  task.set_signal_mask(0);
  EXPECT_TRUE(needs_attention(task));
  deliver_signals(task);
  EXPECT_EQ(task.exit_status().value().signal, SIGTERM);
}

TEST_F(SignalTest, IgnoringDropsWhatIsPending) {
  task.set_signal_mask(signal_bit(SIGUSR1));
  send(SIGUSR1);
  ASSERT_TRUE(send_signal(world.process(), SignalInfo::sent(SIGUSR1, SI_USER, 1, 0)).has_value());
  ASSERT_TRUE(set_signal_action(task, SIGUSR1, {.handler = 1}).has_value());
  EXPECT_EQ(task.pending().set() | world.process().pending().set(), 0U);
  task.set_signal_mask(0);
  deliver_signals(task);
  EXPECT_FALSE(task.exit_status());
}

TEST_F(SignalTest, AHandlerRunsWithItsSignalAndMaskBlockedAndReturns) {
  handle(SIGUSR1, 0, signal_bit(SIGHUP));
  send(SIGUSR1);
  deliver_signals(task);
  EXPECT_TRUE(in_handler_of(SIGUSR1));
  EXPECT_EQ(task.signal_mask(), signal_bit(SIGUSR1) | signal_bit(SIGHUP));
  handler_returns();
  EXPECT_EQ(task.registers().rip, kCode);
  EXPECT_EQ(task.signal_mask(), 0U);
}

TEST_F(SignalTest, NoDeferLeavesTheSignalOpenAndResetHandIsForOnce) {
  handle(SIGUSR1, SA_NODEFER | SA_RESETHAND);
  send(SIGUSR1);
  deliver_signals(task);
  EXPECT_TRUE(in_handler_of(SIGUSR1));
  EXPECT_EQ(task.signal_mask(), 0U);
  send(SIGUSR1);
  deliver_signals(task);
  EXPECT_EQ(task.exit_status().value().signal, SIGUSR1);
}

TEST_F(SignalTest, SeveralSignalsStackTheirFramesTheLastOnTop) {
  handle(SIGUSR1);
  handle(SIGUSR2);
  send(SIGUSR2);
  send(SIGUSR1);
  deliver_signals(task);
  // The lowest number is taken first, so its handler is the one that is interrupted at once.
  EXPECT_TRUE(in_handler_of(SIGUSR2));
  handler_returns();
  EXPECT_TRUE(in_handler_of(SIGUSR1));
  handler_returns();
  EXPECT_EQ(task.registers().rip, kCode);
}

TEST_F(SignalTest, StandardSignalsAreHeldOnceRealTimeOnesInOrder) {
  PendingSignals pending;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(pending.add(SignalInfo::sent(SIGUSR1, SI_QUEUE, i, 0), 10).has_value());
    ASSERT_TRUE(pending.add(SignalInfo::sent(40, SI_QUEUE, i, 0), 10).has_value());
  }
  ASSERT_TRUE(pending.add(SignalInfo::fault(SIGSEGV, SEGV_MAPERR, 0), 10).has_value());
  EXPECT_EQ(pending.take(0)->signal, SIGSEGV) << "synchronous signals go first";
  EXPECT_EQ(pending.take(0)->signal, SIGUSR1);
  for (std::uint64_t i = 0; i < 3; ++i) {
    const auto info = pending.take(0);
    EXPECT_EQ(info->signal, 40);
    EXPECT_EQ(info->fields[0], i);
  }
  EXPECT_FALSE(pending.take(0));
  EXPECT_EQ(pending.set(), 0U);
  ASSERT_TRUE(pending.add(SignalInfo::sent(40, SI_QUEUE, 0, 0), 1).has_value());
  EXPECT_EQ(pending.add(SignalInfo::sent(40, SI_QUEUE, 0, 0), 1).error(), Errno::kAgain);
}

TEST_F(SignalTest, ForcedSignalsReachTheDefaultThroughABlockOrAnIgnore) {
  handle(SIGSEGV);
  task.set_signal_mask(signal_bit(SIGSEGV));
  force_signal(task, signal_for_fault(FaultOutcome::kNoMapping, VirtAddr(0)));
  deliver_signals(task);
  EXPECT_EQ(task.exit_status().value().signal, SIGSEGV);
}

TEST_F(SignalTest, AFaultsFrameTellsAddressAndTrap) {
  handle(SIGSEGV, SA_SIGINFO);
  task.last_fault() = {.trap_number = 14, .error_code = 6, .address = 0x1234};
  force_signal(task, signal_for_fault(FaultOutcome::kNoAccess, VirtAddr(0x1234)));
  deliver_signals(task);
  const auto frame = world.memory().load<SignalFrame>(VirtAddr(task.registers().rsp)).value();
  EXPECT_EQ(frame.info.code, SEGV_ACCERR);
  EXPECT_EQ(frame.info.fields[0], 0x1234U);
  EXPECT_EQ(frame.context.registers.trap_number, 14U);
  EXPECT_EQ(frame.context.registers.error_code, 6U);
  EXPECT_EQ(frame.context.registers.fault_address, 0x1234U);
}

TEST_F(SignalTest, AHandlerThatHasNoStackIsTheEnd) {
  handle(SIGSEGV);
  task.registers().rsp = 0x1000;
  force_signal(task, signal_for_fault(FaultOutcome::kNoMapping, VirtAddr(0x1000)));
  deliver_signals(task);
  EXPECT_EQ(task.exit_status().value().signal, SIGSEGV);
}

struct RestartCase {
  int code;
  std::uint64_t flags;  ///< of the handler; ~0: none runs
  std::int64_t rax;     ///< afterwards, in the frame or in the registers
  bool again;
};

TEST_F(SignalTest, InterruptedCallsFailOrStartAgainAsTheKernelHasIt) {
  constexpr std::uint64_t kNone = ~std::uint64_t{0};
  constexpr std::int64_t kCall = 35;
  const RestartCase cases[]{
      {restart::kSys, kNone, kCall, true},      {restart::kSys, 0, -EINTR, false},
      {restart::kSys, SA_RESTART, kCall, true}, {restart::kNoIntr, 0, kCall, true},
      {restart::kNoHand, kNone, kCall, true},   {restart::kNoHand, SA_RESTART, -EINTR, false},
      {restart::kBlock, kNone, 219, true},      {restart::kBlock, SA_RESTART, -EINTR, false},
  };
  for (const RestartCase& each : cases) {
    SCOPED_TRACE(testing::Message() << each.code << " " << each.flags);
    CpuRegisters& registers = task.registers();
    registers.rip = kCode;
    registers.rax = static_cast<std::uint64_t>(-each.code);
    task.original_rax = kCall;
    EXPECT_TRUE(needs_attention(task));
    if (each.flags != kNone) {
      handle(SIGUSR1, each.flags);
      send(SIGUSR1);
    }
    deliver_signals(task);
    if (each.flags != kNone) handler_returns();
    EXPECT_EQ(static_cast<std::int64_t>(registers.rax), each.rax);
    EXPECT_EQ(registers.rip, each.again ? kCode - 2 : kCode);
  }
}

TEST_F(SignalTest, OutsideACallTheSameValueInRaxMeansNothing) {
  task.registers().rax = static_cast<std::uint64_t>(-restart::kSys);
  task.original_rax = ~0ULL;
  deliver_signals(task);
  EXPECT_EQ(task.registers().rax, static_cast<std::uint64_t>(-restart::kSys));
  EXPECT_EQ(task.registers().rip, kCode);
}

TEST_F(SignalTest, ATemporaryMaskEndsWithTheCallOrTheHandler) {
  task.set_signal_mask(signal_bit(SIGUSR1) | signal_bit(SIGHUP));
  handle(SIGUSR1);
  send(SIGUSR1);
  task.set_temporary_signal_mask(0);
  deliver_signals(task);
  EXPECT_TRUE(in_handler_of(SIGUSR1));
  EXPECT_EQ(task.signal_mask(), signal_bit(SIGUSR1));
  handler_returns();
  EXPECT_EQ(task.signal_mask(), signal_bit(SIGUSR1) | signal_bit(SIGHUP));

  task.set_temporary_signal_mask(0);
  deliver_signals(task);
  EXPECT_EQ(task.signal_mask(), signal_bit(SIGUSR1) | signal_bit(SIGHUP));
}

TEST_F(SignalTest, TheAlternateStackFollowsItsRules) {
  const auto set = [&](std::uint64_t base, std::int32_t flags, std::uint64_t size) {
    const SignalStack wanted{.base = base, .flags = flags, .size = size};
    const auto result = change_signal_stack(task, &wanted);
    return result ? Errno{} : result.error();
  };
  EXPECT_EQ(change_signal_stack(task, nullptr)->flags, SS_DISABLE);
  EXPECT_EQ(set(kStack, 0, 2047), Errno::kNoMem);
  EXPECT_EQ(set(kStack, 4, 8192), Errno::kInval);
  EXPECT_EQ(set(kStack, 0, 8192), Errno{});
  EXPECT_EQ(change_signal_stack(task, nullptr)->flags, 0);
  task.registers().rsp = kStack + 100;
  EXPECT_EQ(change_signal_stack(task, nullptr)->flags, SS_ONSTACK);
  EXPECT_EQ(set(kStack, SS_DISABLE, 0), Errno::kPerm);
  task.registers().rsp = kStack;
  EXPECT_EQ(change_signal_stack(task, nullptr)->flags, 0) << "the lowest byte is not on it";
  EXPECT_EQ(set(0, SS_DISABLE, 1), Errno{});
  EXPECT_EQ(change_signal_stack(task, nullptr)->flags, SS_DISABLE);
}

TEST_F(SignalTest, AHandlerOnTheAlternateStackIsNestedThere) {
  const SignalStack wanted{.base = kStack, .flags = 0, .size = 0x8000};
  ASSERT_TRUE(change_signal_stack(task, &wanted).has_value());
  handle(SIGUSR1, SA_ONSTACK);
  handle(SIGUSR2, SA_ONSTACK);
  const std::uint64_t before = task.registers().rsp;
  send(SIGUSR1);
  deliver_signals(task);
  const std::uint64_t first = task.registers().rsp;
  EXPECT_LT(first, kStack + 0x8000);
  send(SIGUSR2);
  deliver_signals(task);
  EXPECT_LT(task.registers().rsp, first - 128);
  handler_returns();
  handler_returns();
  EXPECT_EQ(task.registers().rsp, before);
}

TEST_F(SignalTest, ExceptionsBecomeTheKernelsSignals) {
  struct Case {
    std::uint8_t vector;
    int signal, code;
    std::uint64_t address;
  };
  const Case cases[]{{0, SIGFPE, FPE_INTDIV, kCode}, {3, SIGTRAP, SI_KERNEL, 0},
                     {6, SIGILL, ILL_ILLOPN, kCode}, {13, SIGSEGV, SI_KERNEL, 0},
                     {17, SIGBUS, BUS_ADRALN, 0},    {4, SIGSEGV, SI_KERNEL, 0}};
  for (const Case& each : cases) {
    const SignalInfo info = signal_for_exception(each.vector, VirtAddr(kCode));
    EXPECT_EQ(info.signal, each.signal) << int{each.vector};
    EXPECT_EQ(info.code, each.code) << int{each.vector};
    EXPECT_EQ(info.fields[0], each.address) << int{each.vector};
  }
}

}  // namespace
}  // namespace gonzo
