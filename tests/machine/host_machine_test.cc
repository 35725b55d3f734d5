// What only a machine with a processor shows: registers, threads, the shadow's limits.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>

#include "machine/host_fixture.h"
#include "machine/script.h"

namespace gonzo {
namespace {

constexpr unsigned long kFsgsbaseInHwcap2 = 2;

// Beyond those that the kernel may treat specially (335, 336).
constexpr std::uint32_t kNumbers = 1000;

class HostMachineTest : public HostFixture {};

TEST_F(HostMachineTest, RegistersSurviveFaultsAndCalls) {
  auto thread = start(guest_code::keep_registers(), kHostData);
  ASSERT_EQ(thread->run().kind, TrapKind::kPageFault);
  EXPECT_EQ(thread->registers().r13, 0xddddddddddddddddU);
  EXPECT_EQ(thread->registers().rsp, 0x6666666666666666U);
  memory_.map(kHostData, kUserRead);
  expect_syscall(*thread, 3);
  expect_syscall(*thread, guest_code::kGood);
}

TEST_F(HostMachineTest, RegistersCanBeSet) {
  auto thread = start(guest_code::wait_for_word(), kHostData, 5);
  memory_.word(memory_.map(kHostData, kUserRead)) = 6;
  thread->interrupt();
  ASSERT_EQ(thread->run().kind, TrapKind::kInterrupted);
  thread->registers().rsi = 6;
  expect_syscall(*thread, guest_code::kGood);
}

TEST_F(HostMachineTest, VectorRegistersSurviveFaultsAndCalls) {
  if (!__builtin_cpu_supports("avx")) GTEST_SKIP() << "needs AVX";
  auto thread = start(guest_code::keep_vectors(), kHostData);
  ASSERT_EQ(thread->run().kind, TrapKind::kPageFault);
  memory_.map(kHostData, kUserRead);
  expect_syscall(*thread, 3);
  expect_syscall(*thread, guest_code::kGood);
}

TEST_F(HostMachineTest, ExtendedStateStartsClearedAndCanBeCopied) {
  constexpr std::size_t kXmm0 = 160;      // in the FXSAVE area
  constexpr std::size_t kXstateBv = 512;  // in the XSAVE header
  auto thread = start(guest_code::read_vector());
  std::span<std::byte> state = thread->extended_state();
  ASSERT_GE(state.size(), 512U + 64U);
  EXPECT_TRUE(std::ranges::all_of(state.subspan(kXstateBv, 8),
                                  [](std::byte b) { return b == std::byte{0}; }));
  const std::uint64_t value = 0x1234567890abcdef;
  const std::uint64_t sse = 2;
  std::memcpy(state.data() + kXmm0, &value, sizeof value);
  std::memcpy(state.data() + kXstateBv, &sse, sizeof sse);
  auto twin_space = machine_->create_space(memory_.table()).value();
  auto twin = machine_->create_thread(*twin_space, thread->registers()).value();
  std::ranges::copy(state, twin->extended_state().begin());
  for (MachineThread* each : {thread.get(), twin.get()}) {
    expect_syscall(*each, guest_code::kGood);
    EXPECT_EQ(each->registers().rbx, value);
  }
}

TEST_F(HostMachineTest, FsAndGsBasesAreTheGuests) {
  const bool has_instructions = (getauxval(AT_HWCAP2) & kFsgsbaseInHwcap2) != 0;
  const Pfn frame = memory_.map(kHostData, kUserRead);
  memory_.word(frame, 1) = 11;
  memory_.word(frame, 2) = 22;
  auto thread = start(guest_code::bases(), 0x7000, 0x8000);
  thread->registers().fs_base = kHostData + 8;
  thread->registers().gs_base = kHostData + 16;
  expect_syscall(*thread, guest_code::kGood);
  EXPECT_EQ(thread->registers().rbx, 11U);
  EXPECT_EQ(thread->registers().r12, 22U);
  EXPECT_EQ(thread->registers().fs_base, kHostData + 8);
  if (!has_instructions) GTEST_SKIP() << "the rest needs FSGSBASE";
  expect_syscall(*thread, guest_code::kGood);
  EXPECT_EQ(thread->registers().fs_base, 0x7000U);
  EXPECT_EQ(thread->registers().gs_base, 0x8000U);
}

TEST_F(HostMachineTest, WithoutFsgsbaseTheBasesGoThroughTheHost) {
  const Pfn frame = memory_.map(kHostData, kUserRead);
  memory_.word(frame, 1) = 11;
  memory_.word(frame, 2) = 22;
  auto thread = start(guest_code::bases());
  constexpr std::uint32_t kFirstGuestSlot = 1;
  host_space().parts().slots->mailbox(kFirstGuestSlot).has_fsgsbase = 0;
  thread->registers().fs_base = kHostData + 8;
  thread->registers().gs_base = kHostData + 16;
  expect_syscall(*thread, guest_code::kGood);
  EXPECT_EQ(thread->registers().rbx, 11U);
  EXPECT_EQ(thread->registers().r12, 22U);
  EXPECT_EQ(thread->registers().fs_base, kHostData + 8);
  EXPECT_EQ(thread->registers().gs_base, kHostData + 16);
}

TEST_F(HostMachineTest, I386CallsFrom64BitCodeSaySo) {
  auto thread = start(guest_code::old_syscall());
  const Trap trap = thread->run();
  ASSERT_EQ(trap.kind, TrapKind::kSyscall);
  EXPECT_EQ(trap.abi, SyscallAbi::kI386);
  EXPECT_EQ(thread->registers().rax, 20U);
  EXPECT_EQ(thread->registers().rip, kHostCode + 7);
  expect_syscall(*thread, guest_code::kGood);
}

TEST_F(HostMachineTest, ACallNumberThatLooksLikeARestartIsReportedAsIs) {
  for (const int number : {-1, -512, -513, -514, -516}) {
    auto thread = start(Script().syscall(7).assemble());
    Script script;
    const auto code = Script().syscall(static_cast<std::uint32_t>(number)).assemble();
    std::memcpy(memory_.frames().address(memory_.get(kHostCode).pfn()), code.data(), code.size());
    const Trap trap = thread->run();
    ASSERT_EQ(trap.kind, TrapKind::kSyscall);
    EXPECT_EQ(static_cast<int>(thread->registers().rax), number);
    EXPECT_EQ(thread->registers().rip, kHostCode + 7);
  }
}

TEST_F(HostMachineTest, ACallThatNoFilterSeesIsAtLeastNoPageFault) {
  memory_.map(kHostData, kUserRead);
  constexpr std::uint32_t kUretprobe = 335;
  auto thread = start(Script().load(kHostData).syscall(kUretprobe).assemble());
  const Trap trap = thread->run();
  // ENOSYS before Linux 6.11 (a call like any other), SIGILL since.
  EXPECT_TRUE(trap.kind == TrapKind::kSyscall ||
              (trap.kind == TrapKind::kException && trap.vector == 6));
}

TEST_F(HostMachineTest, ReservedAddressesAreNotTheGuests) {
  const AddressRange reserved = machine_->reserved_range();
  EXPECT_TRUE(reserved.start.is_page_aligned());
  memory_.map(reserved.end.value - kPageSize, kUserWrite);
  auto thread = start(Script().store(reserved.end.value - kPageSize, 1).assemble());
  EXPECT_EQ(thread->run().kind, TrapKind::kPageFault);
}

TEST_F(HostMachineTest, AFillMapsNeighboursAround) {
  const Pfn first = memory_.allocate(4);
  for (unsigned i = 0; i < 16; ++i) {
    memory_.set(kHostData + i * kPageSize, Entry::map(first + i, kUserRead | pte::kNoExecute));
  }
  Script script;
  for (unsigned i = 0; i < 16; ++i) script.load(kHostData + i * kPageSize);
  auto thread = start(script.assemble());
  expect_syscall(*thread, Script::kEnd);
  EXPECT_EQ(space_->counters().shadow_fills, 2U);  // the code, the data
  EXPECT_EQ(space_->counters().shadow_ranges, 2U);
  EXPECT_TRUE(memory_.get(kHostData + 15 * kPageSize).has(pte::kAccessed));
}

TEST_F(HostMachineTest, AnAgedPageIsUsedAgainWithoutAFault) {
  if (!HostPagemap(getpid()).can_tell()) GTEST_SKIP() << "this host has no /proc/PID/pagemap";
  memory_.map(kHostData, kUserWrite);
  auto thread = start(Script().store(kHostData, 1).syscall(1).store(kHostData, 2).assemble());
  expect_syscall(*thread, 1);
  const std::uint64_t fills = space_->counters().shadow_fills;
  memory_.set(kHostData, memory_.get(kHostData).without(pte::kAccessed));
  space_->invalidate({VirtAddr(kHostData), VirtAddr(kHostData + kPageSize)}, Stricter::kAccessed);
  expect_syscall(*thread, Script::kEnd);
  EXPECT_EQ(space_->counters().shadow_fills, fills);
}

TEST_F(HostMachineTest, OfAgedPagesTheUsedOnesAreTold) {
  const std::array pages{VirtAddr(kHostData), VirtAddr(kHostData + 0x40000)};
  for (const VirtAddr page : pages) memory_.map(page.value, kUserWrite);
  const auto age = [&] {
    std::array<AddressRange, pages.size()> ranges;
    for (std::size_t i = 0; i < pages.size(); ++i) {
      memory_.set(pages[i].value, memory_.get(pages[i].value).without(pte::kAccessed));
      ranges[i] = {pages[i], pages[i] + kPageSize};
    }
    space_->invalidate_each(ranges, Stricter::kAccessed);
  };
  const auto expect_used = [&](bool first, bool second) {
    space_->collect_accesses(pages);
    EXPECT_EQ(memory_.get(pages[0].value).has(pte::kAccessed), first);
    EXPECT_EQ(memory_.get(pages[1].value).has(pte::kAccessed), second);
  };
  auto thread = start(Script()
                          .store(pages[0].value, 1)
                          .store(pages[1].value, 1)
                          .syscall(1)
                          .load(pages[0].value)
                          .syscall(2)
                          .store(pages[1].value, 2)
                          .assemble());
  expect_syscall(*thread, 1);
  age();
  expect_used(false, false);
  expect_syscall(*thread, 2);
  expect_used(true, false);
  age();
  expect_syscall(*thread, Script::kEnd);
  expect_used(false, true);
}

TEST_F(HostMachineTest, ThreadsOfASpaceShareItsMemory) {
  constexpr std::uint64_t kRounds = 1000;
  constexpr unsigned kThreads = 4;
  const Pfn frame = memory_.map(kHostData, kUserWrite);
  std::vector<std::unique_ptr<MachineThread>> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.push_back(start(guest_code::count_up(), kHostData, kRounds));
  }
  std::vector<std::thread> runners;
  for (auto& thread : threads) {
    runners.emplace_back([&thread] { expect_syscall(*thread, guest_code::kGood); });
  }
  for (std::thread& runner : runners) runner.join();
  EXPECT_EQ(memory_.word(frame), kThreads * kRounds);
}

TEST_F(HostMachineTest, ARunningThreadLosesOldTranslations) {
  memory_.word(memory_.map(kHostData, kUserRead)) = 1;
  auto thread = start(guest_code::wait_for_word(), kHostData, 2);
  std::thread runner([&] { expect_syscall(*thread, guest_code::kGood); });
  while (!memory_.get(kHostData).has(pte::kAccessed)) std::this_thread::yield();
  const Pfn other = memory_.allocate();
  memory_.word(other) = 2;
  memory_.set(kHostData, Entry::map(other, kUserRead));
  space_->invalidate({VirtAddr(kHostData), VirtAddr(kHostData + kPageSize)}, Stricter::kGone);
  runner.join();  // hangs if the guest still sees the old frame
}

TEST_F(HostMachineTest, AStoppedThreadTakesTranslationsFromARunningOne) {
  memory_.word(memory_.map(kHostData, kUserRead)) = 1;
  auto runs = start(guest_code::wait_for_word(), kHostData, 2);
  auto stopped = start(guest_code::count_up(), kHostData, 1);
  std::thread runner([&] { expect_syscall(*runs, guest_code::kGood); });
  while (!memory_.get(kHostData).has(pte::kAccessed)) std::this_thread::yield();
  const Pfn other = memory_.allocate();
  memory_.word(other) = 2;
  memory_.set(kHostData, Entry::map(other, kUserRead));
  space_->invalidate({VirtAddr(kHostData), VirtAddr(kHostData + kPageSize)}, Stricter::kGone);
  runner.join();
}

TEST_F(HostMachineTest, TheCallersAffinityIsItsOwn) {
  memory_.map(kHostData, kUserWrite);
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  // Turns of the length that makes runner and guest share a processor, then short ones.
  for (const std::uint64_t rounds : {20'000, 1}) {
    for (unsigned i = 0; i < 40; ++i) {
      auto thread = start(guest_code::count_up(), kHostData, rounds);
      expect_syscall(*thread, guest_code::kGood);
      cpu_set_t after;
      ASSERT_EQ(sched_getaffinity(0, sizeof after, &after), 0);
      EXPECT_TRUE(CPU_EQUAL(&before, &after));
    }
  }
}

/// What shares a processor with its runner makes threads that do not.
TEST_F(HostMachineTest, ANewThreadMayRunAnywhere) {
  memory_.map(kHostData, kUserWrite);
  constexpr unsigned kTurnsUntilTogether = 20;
  for (unsigned i = 0; i < kTurnsUntilTogether; ++i) {
    expect_syscall(*start(guest_code::count_up(), kHostData, 20'000), guest_code::kGood);
  }
  auto one = start(guest_code::count_up(), kHostData, 1);
  auto two = start(guest_code::count_up(), kHostData, 1);
  cpu_set_t own;
  ASSERT_EQ(sched_getaffinity(0, sizeof own, &own), 0);
  unsigned tasks = 0;
  const auto directory = fmt::format("/proc/{}/task", host_space().process());
  for (const auto& task : std::filesystem::directory_iterator(directory)) {
    cpu_set_t allowed;
    const pid_t id = std::stoi(task.path().filename());
    ASSERT_EQ(sched_getaffinity(id, sizeof allowed, &allowed), 0);
    EXPECT_TRUE(CPU_EQUAL(&own, &allowed)) << id;
    ++tasks;
  }
  EXPECT_EQ(tasks, 2U);
}

TEST_F(HostMachineTest, ThreadsComeAndGo) {
  memory_.map(kHostData, kUserWrite);
  for (unsigned i = 0; i < 50; ++i) {
    auto one = start(guest_code::count_up(), kHostData, 1);
    auto two = start(guest_code::count_up(), kHostData, 1);
    expect_syscall(*one, guest_code::kGood);
    expect_syscall(*two, guest_code::kGood);
  }
}

class SmallShadowTest : public HostFixture {
 protected:
  static constexpr std::size_t kLimit = 40;
  SmallShadowTest() : HostFixture({.mapping_limit = kLimit}) {}
};

TEST_F(SmallShadowTest, IsDroppedAtTheLimitAndNoAccessFails) {
  constexpr unsigned kPages = 500;
  Script script;
  for (unsigned i = 0; i < kPages; ++i) {
    memory_.map(kHostData + (kPages - i) * 17 * kPageSize, kUserWrite);
    script.store(kHostData + (kPages - i) * 17 * kPageSize, i);
  }
  for (unsigned i = 0; i < kPages; ++i) {
    script.load(kHostData + (kPages - i) * 17 * kPageSize).syscall(kNumbers + i);
  }
  auto thread = start(script.assemble());
  for (unsigned i = 0; i < kPages; ++i) {
    ASSERT_NO_FATAL_FAILURE(expect_syscall(*thread, kNumbers + i));
    ASSERT_EQ(thread->registers().r12, i);
    ASSERT_LE(space_->counters().shadow_ranges, kLimit);
  }
  EXPECT_GE(space_->counters().shadow_drops, 2 * kPages / kLimit - 2);
}

}  // namespace
}  // namespace gonzo
