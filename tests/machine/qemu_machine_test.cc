// What only a processor shows that walks our tables, on QEMU's: registers and state that take
// turns, code that changes behind its back, and its end.
#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "machine/expect_syscall.h"
#include "machine/guest_code.h"
#include "machine/qemu_rig.h"
#include "machine/script.h"

namespace gonzo {
namespace {

constexpr std::uint64_t kCode = 0x10000000, kData = 0x20000000;

class QemuMachineTest : public testing::Test {
 protected:
  void SetUp() override {
    if (rig_ == nullptr || !rig_->machine || !rig_->machine.value()->failure().empty()) {
      rig_ = std::make_unique<QemuRig>(PagingFormat::kFourLevel);
    }
    if (rig_->is_missing()) GTEST_SKIP() << kNoQemu;
    memory_ = &rig_->memory;
    machine_ = rig_->machine.value().get();
    auto space = machine_->create_space(memory_->table());
    ASSERT_TRUE(space) << machine_->failure();
    space_ = std::move(*space);
  }
  void TearDown() override {
    space_.reset();
    if (memory_ != nullptr) memory_->clear();
  }
  static void TearDownTestSuite() { rig_.reset(); }

  std::unique_ptr<MachineThread> start(std::span<const std::byte> code, std::uint64_t rdi = 0,
                                       std::uint64_t rsi = 0, std::uint64_t address = kCode) {
    if (memory_->get(address).is_blank()) {
      for (const Pfn frame : memory_->map_code(address, code)) space_->will_execute(frame, 1);
    }
    CpuRegisters registers;
    registers.rip = address;
    registers.rdi = rdi;
    registers.rsi = rsi;
    return machine_->create_thread(*space_, registers).value();
  }
  GuestMemory* memory_ = nullptr;
  Machine* machine_ = nullptr;
  std::unique_ptr<MachineSpace> space_;

 private:
  static inline std::unique_ptr<QemuRig> rig_;
};

TEST_F(QemuMachineTest, RegistersSurviveFaultsAndCalls) {
  auto thread = start(guest_code::keep_registers(), kData);
  ASSERT_EQ(thread->run().kind, TrapKind::kPageFault);
  EXPECT_EQ(thread->registers().r13, 0xddddddddddddddddU);
  memory_->map(kData, kUserRead);
  expect_syscall(*thread, 3);
  expect_syscall(*thread, guest_code::kGood);
}

TEST_F(QemuMachineTest, VectorRegistersSurviveAnotherThreadsTurn) {
  auto thread = start(guest_code::keep_vectors(), kData);
  auto other = start(guest_code::keep_vectors(), kData);
  ASSERT_EQ(thread->run().kind, TrapKind::kPageFault);
  ASSERT_EQ(other->run().kind, TrapKind::kPageFault);
  memory_->map(kData, kUserRead);
  for (const std::uint64_t number : {std::uint64_t{3}, std::uint64_t{guest_code::kGood}}) {
    expect_syscall(*thread, number);
    expect_syscall(*other, number);
  }
}

TEST_F(QemuMachineTest, ExtendedStateCanBeReadAndChanged) {
  constexpr std::size_t kXmm0 = 160, kXstateBv = 512;
  auto thread = start(guest_code::read_vector());
  const std::span<std::byte> state = thread->extended_state();
  ASSERT_GE(state.size(), 512U + 64U);
  const std::uint64_t value = 0x1234567890abcdef, sse = 2;
  std::memcpy(state.data() + kXmm0, &value, sizeof value);
  std::memcpy(state.data() + kXstateBv, &sse, sizeof sse);
  expect_syscall(*thread, guest_code::kGood);
  EXPECT_EQ(thread->registers().rbx, value);
  std::uint64_t seen = 0;
  std::memcpy(&seen, thread->extended_state().data() + kXmm0, sizeof seen);
  EXPECT_EQ(seen, value);
}

TEST_F(QemuMachineTest, FsAndGsBasesAreTheGuests) {
  const Pfn frame = memory_->map(kData, kUserRead);
  memory_->word(frame, 1) = 11;
  memory_->word(frame, 2) = 22;
  auto thread = start(guest_code::bases(), 0x7000, 0x8000);
  thread->registers().fs_base = kData + 8;
  thread->registers().gs_base = kData + 16;
  expect_syscall(*thread, guest_code::kGood);
  EXPECT_EQ(thread->registers().rbx, 11U);
  EXPECT_EQ(thread->registers().r12, 22U);
  expect_syscall(*thread, guest_code::kGood);
  EXPECT_EQ(thread->registers().fs_base, 0x7000U);
  EXPECT_EQ(thread->registers().gs_base, 0x8000U);
}

TEST_F(QemuMachineTest, I386CallsFrom64BitCodeSaySo) {
  auto thread = start(guest_code::old_syscall());
  const Trap trap = thread->run();
  ASSERT_EQ(trap.kind, TrapKind::kSyscall);
  EXPECT_EQ(trap.abi, SyscallAbi::kI386);
  EXPECT_EQ(thread->registers().rax, 20U);
  EXPECT_EQ(thread->registers().rip, kCode + 7);
  expect_syscall(*thread, guest_code::kGood);
}

/// The manual's INT1 is #DB (SDM vol. 2A, INT n/INTO/INT3/INT1); QEMU's translator knows it not.
TEST_F(QemuMachineTest, Int1IsUndefined) {
  constexpr std::array kInt1{std::byte{0xf1}};
  const Trap trap = start(kInt1)->run();
  EXPECT_EQ(trap.kind, TrapKind::kException);
  EXPECT_EQ(trap.vector, 6);
}

TEST_F(QemuMachineTest, NonsenseInRegistersIsNoTrapOfTheStubs) {
  auto thread = start(Script().syscall(1).syscall(2).syscall(3).assemble());
  CpuRegisters& registers = thread->registers();
  registers.ds = registers.es = 0x1b;  // the kernel's, asked for as a user's
  registers.fs = 0x63;                 // a thread's own that is not there
  registers.gs = 0xffff;
  registers.ss = 0x10;
  registers.cs = 0x10;
  registers.fs_base = 0x8000'0000'0000'0000;
  registers.rflags = ~0ULL & ~0x100ULL;  // without TF
  expect_syscall(*thread, 1);
  EXPECT_EQ(registers.ds | registers.fs | registers.gs, 0);
  EXPECT_EQ(registers.cs, segment::kUserCode64);
  EXPECT_EQ(registers.ss, segment::kUserData);
  EXPECT_EQ(registers.rflags & 0x3000, 0U) << "the I/O privilege level is the kernel's";
  registers.rip = 0x8000'0000'0000'0000;
  const Trap trap = thread->run();
  EXPECT_EQ(trap.kind, TrapKind::kException);
  EXPECT_EQ(trap.vector, 13);
}

TEST_F(QemuMachineTest, LockedInstructionsAreAtomicAgainstTheHost) {
  constexpr std::uint64_t kRounds = 200'000;
  const Pfn frame = memory_->map(kData, kUserWrite);
  auto thread = start(guest_code::count_up(), kData, kRounds);
  std::thread host([&] {
    std::atomic_ref word(memory_->word(frame));
    for (std::uint64_t i = 0; i < kRounds; ++i) word.fetch_add(1);
  });
  expect_syscall(*thread, guest_code::kGood);
  host.join();
  EXPECT_EQ(memory_->word(frame), 2 * kRounds);
}

TEST_F(QemuMachineTest, CodeThatTheHostHasRewrittenIsExecutedAsItStands) {
  auto thread = start(Script().syscall(1).assemble());
  expect_syscall(*thread, 1);
  const Pfn frame = memory_->get(kCode).pfn();
  const std::uint64_t before = space_->counters().code_flushes;
  for (const std::uint32_t number : {2U, 3U}) {
    const auto code = Script().syscall(number).assemble();
    std::memcpy(memory_->frames().address(frame), code.data(), code.size());
    memory_->frames().frame(frame).clear(frame_flags::kCodeSeen);
    space_->will_execute(frame, 1);
    thread->registers().rip = kCode;
    expect_syscall(*thread, number);
  }
  EXPECT_EQ(space_->counters().code_flushes, before + 2);
  // It is as it was seen: nothing to do.
  space_->will_execute(frame, 1);
  thread->registers().rip = kCode;
  expect_syscall(*thread, 3);
  EXPECT_EQ(space_->counters().code_flushes, before + 2);
}

TEST_F(QemuMachineTest, AFrameOfAnEarlierLifeIsSeenAnew) {
  auto thread = start(Script().syscall(1).assemble());
  expect_syscall(*thread, 1);
  const Pfn frame = memory_->get(kCode).pfn();
  thread.reset();
  memory_->set(kCode, Entry());
  space_->invalidate({VirtAddr(kCode), VirtAddr(kCode) + kPageSize}, Stricter::kGone);
  memory_->clear_blocks();
  thread = start(Script().syscall(5).assemble());
  ASSERT_EQ(memory_->get(kCode).pfn(), frame) << "frames come back last in, first out";
  expect_syscall(*thread, 5);
}

TEST_F(QemuMachineTest, AnEndlessGuestLeavesTheProcessorToOthers) {
  auto endless = start(Script().loop().assemble());
  auto other = start(Script().syscall(1).assemble(), 0, 0, kCode + 0x10000);
  std::thread host([&] { EXPECT_EQ(endless->run().kind, TrapKind::kInterrupted); });
  while (endless->times().guest.count() == 0) std::this_thread::yield();
  expect_syscall(*other, 1);
  endless->interrupt();
  host.join();
}

TEST_F(QemuMachineTest, InvalidationStopsAGuestThatRuns) {
  const Pfn old_frame = memory_->map(kData, kUserRead);
  auto thread = start(guest_code::wait_for_word(), kData, 7);
  std::thread host([&] { expect_syscall(*thread, guest_code::kGood); });
  // Until it has read the old frame.
  while ((memory_->get(kData).raw() & pte::kAccessed) == 0) std::this_thread::yield();
  const Pfn new_frame = memory_->allocate();
  memory_->word(new_frame) = 7;
  memory_->set(kData, Entry::map(new_frame, kUserRead));
  space_->invalidate({VirtAddr(kData), VirtAddr(kData) + kPageSize}, Stricter::kGone);
  host.join();
  EXPECT_EQ(memory_->word(old_frame), 0U);
}

/// Reclaim's scan: the flush goes with the guest's next trap, whenever that is.
TEST_F(QemuMachineTest, LookingAtAccessedBitsStopsNobody) {
  const Pfn frame = memory_->map(kData, kUserRead);
  auto thread = start(guest_code::wait_for_word(), kData, 7);
  std::thread host([&] { expect_syscall(*thread, guest_code::kGood); });
  while (!memory_->get(kData).has(pte::kAccessed)) std::this_thread::yield();
  const MachineCounters before = space_->counters();
  for (int i = 0; i < 200; ++i) {
    memory_->set(kData, memory_->get(kData).without(pte::kAccessed));
    space_->invalidate({VirtAddr(kData), VirtAddr(kData) + kPageSize}, Stricter::kAccessed);
  }
  EXPECT_EQ(space_->counters().traps, before.traps);
  EXPECT_EQ(space_->counters().invalidations, before.invalidations + 200);
  std::atomic_ref(memory_->word(frame)).store(7);
  host.join();
}

/// The processes of QEMU's that this one has started.
std::vector<pid_t> emulators() {
  std::vector<pid_t> found;
  DIR* const directory = opendir("/proc");
  while (const dirent* entry = readdir(directory)) {
    const pid_t pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (pid <= 0) continue;
    std::ifstream file("/proc/" + std::string(entry->d_name) + "/stat");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const auto end = text.rfind(") ");
    if (end == std::string::npos || text.find("(qemu") == std::string::npos) continue;
    if (std::strtol(text.c_str() + end + 4, nullptr, 10) == getpid()) found.push_back(pid);
  }
  closedir(directory);
  return found;
}

TEST_F(QemuMachineTest, ItsDeathIsReportedToAllAndSaid) {
  auto thread = start(Script().loop().assemble());
  auto other = start(Script().syscall(1).assemble(), 0, 0, kCode + 0x10000);
  const std::vector<pid_t> processes = emulators();
  ASSERT_EQ(processes.size(), 1U);
  EXPECT_EQ(machine_->failure(), "");
  std::thread host([&] { EXPECT_EQ(thread->run().kind, TrapKind::kGone); });
  kill(processes.front(), SIGKILL);
  host.join();
  EXPECT_EQ(other->run().kind, TrapKind::kGone);
  EXPECT_EQ(machine_->failure(), "QEMU is gone: it was killed by signal 9");
  EXPECT_FALSE(machine_->create_space(memory_->table()));
  EXPECT_TRUE(emulators().empty());
  thread->extended_state();  // what it had last
}

TEST_F(QemuMachineTest, TablesWithoutThePreparedHalfAreRefused) {
  const auto bare = PageTable::create(memory_->frames(), PagingFormat::kFourLevel).value();
  EXPECT_EQ(machine_->create_space(*bare).error(), Errno::kInval);
}

TEST(QemuMachineCreate, SaysWhatIsMissing) {
  GuestMemory memory(PagingFormat::kFourLevel, std::size_t{4} << 20, kQemuFirstFrame);
  EXPECT_EQ(
      create_qemu_machine(memory.arena(), memory.frames(), {.program = "no-such-qemu"}).error(),
      Errno::kNoEnt);
  GuestMemory unreserved(PagingFormat::kFourLevel, std::size_t{4} << 20);
  EXPECT_EQ(create_qemu_machine(unreserved.arena(), unreserved.frames()).error(), Errno::kInval);
}

TEST(QemuMachineCreate, AnEmulatorThatDoesNotStartSaysWhy) {
  GuestMemory memory(PagingFormat::kFourLevel, std::size_t{4} << 20, kQemuFirstFrame);
  auto machine = create_qemu_machine(memory.arena(), memory.frames(), {.program = "false"}).value();
  ASSERT_TRUE(machine->prepare(memory.half()));
  EXPECT_EQ(machine->create_space(memory.table()).error(), Errno::kIo);
  EXPECT_NE(machine->failure().find("does not run: it ended with status 1"), std::string::npos)
      << machine->failure();
}

}  // namespace
}  // namespace gonzo
