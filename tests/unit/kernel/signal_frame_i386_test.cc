// The frames of i386's handlers: what lies where, and that sigreturn takes it back. tests/guest
// compares them with the live kernel's.
#include "kernel/signal_frame_i386.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <csignal>
#include <cstring>

#include "kernel/legacy_float.h"
#include "unit/kernel/fake_thread.h"
#include "unit/kernel/soft_world.h"

namespace gonzo {
namespace {

constexpr std::uint64_t kStackBase = 0x10000000, kStackSize = 0x10000;
constexpr std::uint64_t kRestorer = 0x04000000;
constexpr SignalSet kMask = 0x8000000000000801;

class I386SignalFrameTest : public testing::Test {
 protected:
  I386SignalFrameTest() : task(world.start(std::make_unique<FakeThread>(host_state_bytes()))) {
    EXPECT_TRUE(world.memory()
                    .map({.hint = VirtAddr(kStackBase),
                          .length = kStackSize,
                          .protection = PROT_READ | PROT_WRITE,
                          .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED})
                    .has_value());
    CpuRegisters& registers = task.registers();
    registers = initial_registers(ProgramAbi::kI386, VirtAddr(0x8049000),
                                  VirtAddr(kStackBase + kStackSize - 64));
    registers.tls[0] = 0x00cff3000000ffff;
    registers.gs = 0x63;
    registers.rax = 1;
    registers.rbx = 2;
    registers.rcx = 3;
    registers.rdx = 4;
    registers.rsi = 5;
    registers.rdi = 6;
    registers.rbp = 7;
    before = registers;
  }

  SignalAction action(std::uint64_t flags) {
    return {.handler = 0x8050000,
            .flags = flags | kRestorer | kI386Action,
            .restorer = 0x8060000,
            .mask = 0};
  }
  void push(std::uint64_t flags) {
    const SignalInfo info = SignalInfo::fault(SIGSEGV, SEGV_MAPERR, 0xdeadbeef);
    ASSERT_TRUE(push_i386_signal_frame(task, info, action(flags), kMask).has_value());
  }
  /// As `ret` in the handler and the restorer's code leave the stack pointer.
  void take_off(std::uint64_t bytes) { task.registers().rsp += bytes; }
  void expect_registers_back() {
    const CpuRegisters& now = task.registers();
    EXPECT_EQ(now.rax, before.rax);
    EXPECT_EQ(now.rbx, before.rbx);
    EXPECT_EQ(now.rcx, before.rcx);
    EXPECT_EQ(now.rdx, before.rdx);
    EXPECT_EQ(now.rsi, before.rsi);
    EXPECT_EQ(now.rdi, before.rdi);
    EXPECT_EQ(now.rbp, before.rbp);
    EXPECT_EQ(now.rsp, before.rsp);
    EXPECT_EQ(now.rip, before.rip);
    EXPECT_EQ(now.cs, before.cs);
    EXPECT_EQ(now.ss, before.ss);
    EXPECT_EQ(now.ds, before.ds);
    EXPECT_EQ(now.es, before.es);
    EXPECT_EQ(now.gs, before.gs);
    EXPECT_EQ(task.signal_mask(), kMask);
  }
  template <typename T>
  T at(std::uint64_t address) {
    const auto value = world.memory().load<T>(VirtAddr(address));
    EXPECT_TRUE(value.has_value());
    return value.value_or(T{});
  }

  SoftWorld world;
  Task& task;
  CpuRegisters before;
};

TEST_F(I386SignalFrameTest, HandlerFindsItsArgumentsOnTheStackAndInRegisters) {
  push(SA_SIGINFO);
  const CpuRegisters& now = task.registers();
  EXPECT_EQ((now.rsp + 4) % 16, 0U);
  EXPECT_EQ(now.rip, 0x8050000U);
  EXPECT_EQ(at<std::uint32_t>(now.rsp), 0x8060000U);
  EXPECT_EQ(at<std::uint32_t>(now.rsp + 4), unsigned{SIGSEGV});
  EXPECT_EQ(at<std::uint32_t>(now.rsp + 8), now.rdx);
  EXPECT_EQ(at<std::uint32_t>(now.rsp + 12), now.rcx);
  EXPECT_EQ(now.rax, unsigned{SIGSEGV});
  const auto info = at<I386SignalInfo>(now.rdx);
  EXPECT_EQ(info.signal, SIGSEGV);
  EXPECT_EQ(info.code, SEGV_MAPERR);
  EXPECT_EQ(info.fields[0], 0xdeadbeefU);
  const auto context = at<I386UserContext>(now.rcx);
  EXPECT_EQ(context.registers.ebx, 2U);
  EXPECT_EQ(context.registers.esp, before.rsp);
  EXPECT_EQ(context.registers.eip, before.rip);
  EXPECT_EQ(context.registers.gs, 0x63U);
  EXPECT_EQ(context.registers.cs, 0x23U);
  EXPECT_EQ(context.mask[0], static_cast<std::uint32_t>(kMask));
  EXPECT_EQ(context.mask[1], static_cast<std::uint32_t>(kMask >> 32));
}

TEST_F(I386SignalFrameTest, InfoFrameComesBack) {
  push(SA_SIGINFO);
  task.registers().gs = 0;
  take_off(4);
  ASSERT_TRUE(pop_i386_info_frame(task).has_value());
  expect_registers_back();
}

TEST_F(I386SignalFrameTest, PlainFrameComesBack) {
  push(0);
  EXPECT_EQ(task.registers().rdx, 0U);
  take_off(8);
  ASSERT_TRUE(pop_i386_plain_frame(task).has_value());
  expect_registers_back();
}

TEST_F(I386SignalFrameTest, WithoutARestorerTheFrameHasTheCodeItself) {
  SignalAction plain = action(0);
  plain.flags &= ~kRestorer;
  ASSERT_TRUE(push_i386_signal_frame(task, {.signal = SIGUSR1}, plain, 0).has_value());
  const auto code = at<std::array<std::uint8_t, 8>>(at<std::uint32_t>(task.registers().rsp));
  EXPECT_EQ(code, (std::array<std::uint8_t, 8>{0x58, 0xb8, 119, 0, 0, 0, 0xcd, 0x80}));
}

TEST_F(I386SignalFrameTest, WrongSegmentsAreRefused) {
  push(SA_SIGINFO);
  const std::uint64_t context = task.registers().rcx;
  auto wrong = at<I386UserContext>(context);
  wrong.registers.cs = 0x10;
  ASSERT_TRUE(world.memory().store(VirtAddr(context), wrong).has_value());
  take_off(4);
  EXPECT_FALSE(pop_i386_info_frame(task).has_value());
}

TEST_F(I386SignalFrameTest, TheFramesOldFloatingPointPartCounts) {
  const auto state = task.thread().extended_state();
  if (state.empty()) GTEST_SKIP() << "no extended state on this host";
  push(SA_SIGINFO);
  const std::uint64_t where = at<I386UserContext>(task.registers().rcx).registers.float_state;
  auto legacy = at<LegacyFloat>(where);
  legacy.control = 0xffff0f7f;
  ASSERT_TRUE(world.memory().store(VirtAddr(where), legacy).has_value());
  take_off(4);
  ASSERT_TRUE(pop_i386_info_frame(task).has_value());
  std::uint16_t control = 0;
  std::memcpy(&control, state.data(), sizeof control);
  EXPECT_EQ(control, 0x0f7f);
}

TEST(LegacyFloat, TagsAndRegistersComeBack) {
  std::array<std::byte, 512> state{};
  const auto put = [&](std::size_t at, auto value) {
    std::memcpy(state.data() + at, &value, sizeof value);
  };
  put(0, std::uint16_t{0x37f});
  put(2, std::uint16_t{6U << 11});  // two registers are on the stack: physical 6 and 7
  put(4, std::uint8_t{0xc0});
  put(32, std::uint64_t{1} << 63);  // st(0) = 1.0
  put(40, std::uint16_t{0x3fff});
  const LegacyFloat legacy = to_legacy_float(state, 0x23, 0x2b);
  EXPECT_EQ(legacy.tags & 0xffff, 0x4fffU);  // 7: zero, 6: valid, the rest empty
  std::array<std::byte, 512> back{};
  apply_legacy_float(back, legacy);
  EXPECT_EQ(back[4], std::byte{0xc0});
  EXPECT_EQ(std::memcmp(back.data() + 32, state.data() + 32, 10), 0);
}

}  // namespace
}  // namespace gonzo
