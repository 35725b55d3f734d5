// The frame of a guest's handler beside the one that the live kernel builds.
#include "kernel/signal_frame.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <random>

#include "kernel/extended_state.h"
#include "kernel/signal.h"
#include "unit/kernel/fake_thread.h"
#include "unit/kernel/soft_world.h"

namespace gonzo {
namespace {

constexpr std::uint64_t kRestorer = 0x04000000;
constexpr std::uint64_t kStackBase = 0x10000000, kStackSize = 0x10000;
constexpr std::uint64_t kSoftwareBytes = 464;  // in the extended state

/// What a handler of this process found; offsets are from its frame.
struct NativeFrame {
  std::uintptr_t frame = 0, stack_top = 0;
  std::ptrdiff_t context = 0, info = 0;
  std::uintptr_t state = 0;
  std::uint32_t magic1 = 0, state_and_magic = 0, state_bytes = 0, magic2 = 0;
  std::uint64_t features = 0;
  UserContext copy{};
};
NativeFrame native;

void record(int, siginfo_t* info, void* context) {
  // The frame pointer was pushed below the return address, with which the frame begins.
  native.frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) + 8;
  native.context =
      static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(context) - native.frame);
  native.info = static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(info) - native.frame);
  std::memcpy(&native.copy, context, sizeof(native.copy));
  native.state = native.copy.registers.extended_state;
  const auto* state = reinterpret_cast<const char*>(native.state);
  std::memcpy(&native.magic1, state + kSoftwareBytes, 4);
  std::memcpy(&native.state_and_magic, state + kSoftwareBytes + 4, 4);
  std::memcpy(&native.features, state + kSoftwareBytes + 8, 8);
  std::memcpy(&native.state_bytes, state + kSoftwareBytes + 16, 4);
  std::memcpy(&native.magic2, state + native.state_bytes, 4);
}

/// ThreadSanitizer's sigaction calls handlers from one of its own, with copies of what that got.
void bypass_library() {
  struct {
    void (*handler)(int, siginfo_t*, void*);
    std::uint64_t flags;
    void (*restorer)();
    std::uint64_t mask;
  } action{};
  ASSERT_EQ(syscall(SYS_rt_sigaction, SIGUSR2, nullptr, &action, sizeof action.mask), 0);
  action.handler = record;
  ASSERT_EQ(syscall(SYS_rt_sigaction, SIGUSR2, &action, nullptr, sizeof action.mask), 0);
}

void record_natively() {
  const std::size_t size = 64 << 10;
  void* stack = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const stack_t alternate{.ss_sp = stack, .ss_flags = 0, .ss_size = size};
  stack_t before{};
  ASSERT_EQ(sigaltstack(&alternate, &before), 0);
  struct sigaction action{};
  struct sigaction action_before{};
  action.sa_sigaction = record;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ASSERT_EQ(sigaction(SIGUSR2, &action, &action_before), 0);
  ASSERT_NO_FATAL_FAILURE(bypass_library());
  raise(SIGUSR2);
  sigaction(SIGUSR2, &action_before, nullptr);
  sigaltstack(&before, nullptr);
  native.stack_top = reinterpret_cast<std::uintptr_t>(stack) + size;
  munmap(stack, size);
}

std::uint64_t align_down(std::uint64_t value, std::uint64_t alignment) {
  return value & ~(alignment - 1);
}

class SignalFrameTest : public testing::Test {
 protected:
  SignalFrameTest() : task(world.start(std::make_unique<FakeThread>(state_bytes))) {
    EXPECT_TRUE(world.memory()
                    .map({.hint = VirtAddr(kStackBase),
                          .length = kStackSize,
                          .protection = PROT_READ | PROT_WRITE,
                          .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED})
                    .has_value());
    CpuRegisters& registers = task.registers();
    std::uint64_t value = 0x1111;
    for (auto* each : {&registers.rax, &registers.rbx, &registers.rcx, &registers.rdx,
                       &registers.rsi, &registers.rdi, &registers.rbp, &registers.r8, &registers.r9,
                       &registers.r10, &registers.r11, &registers.r12, &registers.r13,
                       &registers.r14, &registers.r15, &registers.rip}) {
      *each = value++;
    }
    registers.rsp = kStackBase + kStackSize - 0x123;
    registers.rflags = 0x202 | 0x400 | 0x1;
    ExtendedState(task.thread().extended_state()).reset();
  }

  SignalAction action(std::uint64_t flags = 0) const {
    return {.handler = 0x401000, .flags = flags | kRestorer | SA_SIGINFO, .restorer = 0x402000};
  }
  SignalFrame frame_at(VirtAddr address) {
    return world.memory().load<SignalFrame>(address).value();
  }

  const std::size_t state_bytes = host_state_bytes();
  SoftWorld world;
  Task& task;
  const SignalInfo info = SignalInfo::sent(SIGUSR1, SI_USER, 7, 8);
};

TEST_F(SignalFrameTest, LiesAsTheKernelsDoes) {
  ASSERT_NO_FATAL_FAILURE(record_natively());
  EXPECT_EQ(native.context, offsetof(SignalFrame, context));
  EXPECT_EQ(native.info, offsetof(SignalFrame, info));
  EXPECT_EQ(native.state, align_down(native.stack_top - native.state_and_magic, 64));
  EXPECT_EQ(native.frame, align_down(native.state - sizeof(SignalFrame), 16) - 8);

  task.signal_stack() = {.base = kStackBase, .flags = 0, .size = 0x8000};
  ASSERT_TRUE(push_signal_frame(task, info, action(SA_ONSTACK), 0).has_value());
  const std::uint64_t top = kStackBase + 0x8000;
  const VirtAddr at(task.registers().rsp);
  const SignalFrame frame = frame_at(at);
  const std::uint64_t state = frame.context.registers.extended_state;
  EXPECT_EQ(state, align_down(top - state_bytes - 4, 64));
  EXPECT_EQ(at.value, align_down(state - sizeof(SignalFrame), 16) - 8);
  EXPECT_EQ(frame.context.flags, native.copy.flags);
  EXPECT_EQ(frame.context.link, native.copy.link);
  EXPECT_EQ(frame.context.registers.cs, native.copy.registers.cs);
  EXPECT_EQ(frame.context.registers.ss, native.copy.registers.ss);
  EXPECT_EQ(frame.context.registers.fs, native.copy.registers.fs);

  AddressSpace& memory = world.memory();
  EXPECT_EQ(memory.load<std::uint32_t>(VirtAddr(state + kSoftwareBytes)).value(), native.magic1);
  const auto size = memory.load<std::uint32_t>(VirtAddr(state + kSoftwareBytes + 16)).value();
  EXPECT_EQ(size, state_bytes);
  EXPECT_EQ(memory.load<std::uint32_t>(VirtAddr(state + kSoftwareBytes + 4)).value(), size + 4);
  EXPECT_EQ(memory.load<std::uint32_t>(VirtAddr(state + size)).value(), native.magic2);
  if (native.state_bytes == state_bytes) {
    EXPECT_EQ(memory.load<std::uint64_t>(VirtAddr(state + kSoftwareBytes + 8)).value(),
              native.features);
  }
}

TEST_F(SignalFrameTest, CallsTheHandlerAsTheKernelDoes) {
  const CpuRegisters before = task.registers();
  ASSERT_TRUE(push_signal_frame(task, info, action(), 0x55).has_value());
  const CpuRegisters& now = task.registers();
  const SignalFrame frame = frame_at(VirtAddr(now.rsp));
  EXPECT_EQ(now.rip, 0x401000U);
  EXPECT_EQ(now.rdi, static_cast<std::uint64_t>(SIGUSR1));
  EXPECT_EQ(now.rsi, now.rsp + offsetof(SignalFrame, info));
  EXPECT_EQ(now.rdx, now.rsp + offsetof(SignalFrame, context));
  EXPECT_EQ(now.rax, 0U);
  EXPECT_EQ(now.rflags & 0x400, 0U) << "the direction flag is clear in handlers";
  EXPECT_EQ((now.rsp + 8) % 16, 0U);
  EXPECT_LE(frame.context.registers.extended_state + state_bytes + 4, before.rsp - 128)
      << "the red zone is left alone";
  EXPECT_EQ(frame.return_address, 0x402000U);
  EXPECT_EQ(frame.context.mask, 0x55U);
  EXPECT_EQ(frame.info.signal, SIGUSR1);
  EXPECT_EQ(frame.info.fields[0], (std::uint64_t{8} << 32) | 7);
  EXPECT_EQ(frame.context.registers.rip, before.rip);
  EXPECT_EQ(frame.context.registers.rsp, before.rsp);
}

TEST_F(SignalFrameTest, ReturnsToWhereItWas) {
  auto state = task.thread().extended_state();
  std::mt19937 random(2);
  for (std::size_t i = 32; i < kSoftwareBytes; ++i) state[i] = static_cast<std::byte>(random());
  const std::uint64_t present = 3;
  std::memcpy(&state[512], &present, 8);
  const std::vector<std::byte> state_before(state.begin(), state.end());
  const CpuRegisters before = task.registers();
  task.signal_stack() = {.base = kStackBase, .flags = 0, .size = 0x8000};
  const SignalSet mask = signal_bit(SIGUSR1) | signal_bit(SIGHUP);

  ASSERT_TRUE(push_signal_frame(task, info, action(SA_ONSTACK), mask).has_value());
  EXPECT_NE(std::memcmp(state.data() + 32, state_before.data() + 32, kSoftwareBytes - 32), 0)
      << "a handler starts with fresh state";
  task.registers().rsp += 8;  // ret
  task.registers().rbx = 0xdead;
  task.registers().rflags = 0x202;
  task.signal_stack() = {};
  return_from_signal(task);

  EXPECT_EQ(std::memcmp(&task.registers(), &before, sizeof(before)), 0);
  EXPECT_EQ(task.signal_mask(), mask);
  EXPECT_EQ(task.signal_stack().base, kStackBase);
  EXPECT_EQ(std::memcmp(state.data(), state_before.data(), state.size()), 0);
  EXPECT_FALSE(task.exit_status());
}

TEST_F(SignalFrameTest, LetsNoPrivilegedFlagIn) {
  ASSERT_TRUE(push_signal_frame(task, info, action(), 0).has_value());
  const VirtAddr flags = VirtAddr(task.registers().rsp) + offsetof(SignalFrame, context) +
                         offsetof(UserContext, registers) + offsetof(SignalContext, rflags);
  ASSERT_TRUE(world.memory().store(flags, ~std::uint64_t{0}).has_value());
  task.registers().rsp += 8;
  task.registers().rflags = 0x202;
  return_from_signal(task);
  EXPECT_EQ(task.registers().rflags, 0x202U | 0x50dd5U) << std::hex << task.registers().rflags;
}

TEST_F(SignalFrameTest, AHandlerWithoutRoomOrRestorerIsRefused) {
  const CpuRegisters before = task.registers();
  SignalAction no_restorer = action();
  no_restorer.flags &= ~kRestorer;
  EXPECT_FALSE(push_signal_frame(task, info, no_restorer, 0).has_value());
  task.signal_stack() = {.base = kStackBase, .flags = 0, .size = 2048};
  if (state_bytes > 2048) {
    EXPECT_FALSE(push_signal_frame(task, info, action(SA_ONSTACK), 0).has_value());
  }
  task.registers().rsp = 0x100;
  EXPECT_FALSE(push_signal_frame(task, info, action(), 0).has_value());
  task.registers().rsp = ~std::uint64_t{0};
  EXPECT_FALSE(push_signal_frame(task, info, action(), 0).has_value());
  task.registers().rsp = before.rsp;
  EXPECT_EQ(std::memcmp(&task.registers(), &before, sizeof(before)), 0);
}

TEST_F(SignalFrameTest, AFrameOfRandomBytesKillsOrReturnsButNeverHurtsUs) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 300; ++round) {
    std::array<std::uint64_t, 512> bytes;
    for (std::uint64_t& word : bytes) word = random();
    const VirtAddr at(kStackBase + 0x4000);
    ASSERT_TRUE(world.memory().store(at, bytes).has_value());
    // Half of them with an extended state that can be read.
    if (round % 2 == 0) {
      const VirtAddr pointer = at + offsetof(SignalFrame, context) +
                               offsetof(UserContext, registers) +
                               offsetof(SignalContext, extended_state);
      ASSERT_TRUE(world.memory().store(pointer, kStackBase + 0x4000).has_value());
    }
    task.registers().rsp = at.value + 8;
    return_from_signal(task);
  }
  task.registers().rsp = 8;
  return_from_signal(task);
  deliver_signals(task);
  ASSERT_TRUE(task.exit_status());
  EXPECT_EQ(task.exit_status()->signal, SIGSEGV);
}

TEST_F(SignalFrameTest, AStateThatTheProcessorWouldRefuseIsRefused) {
  if (state_bytes == 0) GTEST_SKIP() << "no extended state here";
  ASSERT_TRUE(push_signal_frame(task, info, action(), 0).has_value());
  const VirtAddr frame(task.registers().rsp);
  const VirtAddr state(frame_at(frame).context.registers.extended_state);
  const auto refused_with = [&](std::uint64_t offset, std::uint32_t value) {
    const auto before = world.memory().load<std::uint32_t>(state + offset).value();
    EXPECT_TRUE(world.memory().store(state + offset, value).has_value());
    task.registers().rsp = frame.value + 8;
    const bool refused = !pop_signal_frame(task).has_value();
    EXPECT_TRUE(world.memory().store(state + offset, before).has_value());
    return refused;
  };
  EXPECT_FALSE(refused_with(24, 0x1f80));
  EXPECT_TRUE(refused_with(24, 0xffff0000)) << "reserved bits of MXCSR";
  EXPECT_TRUE(refused_with(516, 0x40000000)) << "a component that does not exist";
  EXPECT_TRUE(refused_with(520, 1)) << "the compacted form";
  EXPECT_TRUE(refused_with(540, 1)) << "reserved bytes of the header";
  EXPECT_FALSE(refused_with(kSoftwareBytes, 0)) << "without magic only the old part counts";
}

TEST(FloatException, IsNamedByTheUnmaskedFlag) {
  std::vector<std::byte> state(576);
  const auto with = [&](std::uint32_t mxcsr) {
    std::memcpy(&state[24], &mxcsr, 4);
    return float_exception_code(state, FloatUnit::kSse);
  };
  EXPECT_EQ(with(0x1f80 | 0x3f), 0);
  EXPECT_EQ(with((0x1f80 & ~0x80U) | 1), FPE_FLTINV);
  EXPECT_EQ(with((0x1f80 & ~0x200U) | 4), FPE_FLTDIV);
  EXPECT_EQ(with((0x1f80 & ~0x400U) | 8), FPE_FLTOVF);
  EXPECT_EQ(with((0x1f80 & ~0x800U) | 0x10), FPE_FLTUND);
  EXPECT_EQ(with((0x1f80 & ~0x1000U) | 0x20), FPE_FLTRES);
  const std::uint16_t control = 0x37b, status = 4;
  std::memcpy(&state[0], &control, 2);
  std::memcpy(&state[2], &status, 2);
  EXPECT_EQ(float_exception_code(state, FloatUnit::kX87), FPE_FLTDIV);
  EXPECT_EQ(float_exception_code({}, FloatUnit::kX87), 0);
}

}  // namespace
}  // namespace gonzo
