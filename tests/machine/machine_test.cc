// What every machine must do, whoever executes the accesses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <thread>
#include <tuple>

#include "machine/guest_memory.h"
#include "machine/qemu_rig.h"
#include "machine/script.h"
#include <gonzo/machine/host_machine.h>
#include <gonzo/machine/soft_machine.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kCode = 0x10000000;
constexpr std::uint64_t kData = 0x20000000;

/// System calls beyond those that the kernel may treat specially (335, 336).
constexpr std::uint32_t kNumbers = 1000;

enum class MachineKind { kHost, kSoft, kQemu };

constexpr std::size_t kMemory = 32 << 20;

class MachineTest : public testing::TestWithParam<std::tuple<MachineKind, PagingFormat>> {
 protected:
  void SetUp() override {
    if (kind() == MachineKind::kQemu) return use_qemu();
    own_memory_ = std::make_unique<GuestMemory>(format(), kMemory);
    memory_ = own_memory_.get();
    const auto load = [this](const CpuRegisters&) { return script_.interpret(); };
    own_machine_ = kind() == MachineKind::kHost
                       ? create_host_machine(memory_->arena()).value()
                       : create_soft_machine(memory_->frames(), {.load = load}).value();
    machine_ = own_machine_.get();
    space_ = machine_->create_space(memory_->table()).value();
  }
  void use_qemu() {
    auto& rig = rigs_[static_cast<std::size_t>(format())];
    if (rig == nullptr) rig = std::make_unique<QemuRig>(format());
    if (rig->is_missing()) GTEST_SKIP() << kNoQemu;
    memory_ = &rig->memory;
    machine_ = rig->machine.value().get();
    auto space = machine_->create_space(memory_->table());
    ASSERT_TRUE(space) << machine_->failure();
    space_ = std::move(*space);
  }
  void TearDown() override {
    thread_.reset();
    space_.reset();
    if (kind() == MachineKind::kQemu && memory_ != nullptr) memory_->clear();
  }
  static void TearDownTestSuite() {
    for (auto& rig : rigs_) rig.reset();
  }

  static MachineKind kind() { return std::get<MachineKind>(GetParam()); }
  /// Else it is interpreted.
  static bool runs_code() { return kind() != MachineKind::kSoft; }
  static PagingFormat format() { return std::get<PagingFormat>(GetParam()); }
  static bool runs_i386_code() { return kind() == MachineKind::kQemu && is_32bit(format()); }
  bool has_no_execute() { return memory_->table().has_no_execute(); }
  /// The flags of a page that no code may run in.
  std::uint64_t no_execute() { return has_no_execute() ? pte::kNoExecute : 0; }

  void start(const Script& script) {
    script_ = script;
    if (runs_code()) {
      const auto code = runs_i386_code() ? script.assemble_i386(kCode) : script.assemble();
      for (const Pfn frame : memory_->map_code(kCode, code)) space_->will_execute(frame, 1);
    }
    CpuRegisters registers;
    registers.rip = kCode;
    if (runs_i386_code()) registers.ds = registers.es = segment::kUserData;
    thread_ = machine_->create_thread(*space_, registers).value();
  }

  void expect_syscall(std::uint64_t number) {
    const Trap trap = thread_->run();
    ASSERT_EQ(trap.kind, TrapKind::kSyscall) << trap.reason << " vector " << int{trap.vector}
                                             << " address " << std::hex << trap.address.value;
    EXPECT_EQ(thread_->registers().rax, number);
  }
  void expect_end() { expect_syscall(Script::kEnd); }
  void expect_fault(std::uint64_t address, std::uint32_t code) {
    const Trap trap = thread_->run();
    ASSERT_EQ(trap.kind, TrapKind::kPageFault) << trap.reason;
    EXPECT_EQ(trap.address, VirtAddr(address));
    EXPECT_EQ(trap.error_code, code);
  }
  void expect_exception(unsigned vector) {
    const Trap trap = thread_->run();
    ASSERT_EQ(trap.kind, TrapKind::kException) << trap.reason;
    EXPECT_EQ(trap.vector, vector);
  }
  std::uint64_t loaded() {
    const CpuRegisters& registers = thread_->registers();
    return runs_i386_code() ? registers.rdx << 32 | registers.rbp : registers.r12;
  }
  /// Contents for execute().
  void write_return(Pfn frame) {
    std::memcpy(memory_->frames().address(frame), Script::kReturn, sizeof Script::kReturn);
    space_->will_execute(frame, 1);
  }
  AddressRange page(std::uint64_t address) {
    return {VirtAddr(address), VirtAddr(address) + kPageSize};
  }

  GuestMemory* memory_ = nullptr;
  Script script_;
  std::unique_ptr<GuestMemory> own_memory_;
  std::unique_ptr<Machine> own_machine_;
  Machine* machine_ = nullptr;
  std::unique_ptr<MachineSpace> space_;
  std::unique_ptr<MachineThread> thread_;

 private:
  static inline std::array<std::unique_ptr<QemuRig>, kPagingFormats> rigs_;
};

using fault_code::kFetch;
using fault_code::kPresent;
using fault_code::kUser;
using fault_code::kWrite;

TEST_P(MachineTest, LoadsAndStoresReachTheFrames) {
  const Pfn frame = memory_->map(kData, kUserWrite | no_execute());
  memory_->word(frame) = 0x1122334455667788;
  start(Script().load(kData).syscall(1).store(kData + 8, 42).syscall(2));
  expect_syscall(1);
  EXPECT_EQ(loaded(), 0x1122334455667788U);
  expect_syscall(2);
  EXPECT_EQ(memory_->word(frame, 1), 42U);
  expect_end();
}

TEST_P(MachineTest, ByteAccessesTouchOneByte) {
  const Pfn frame = memory_->map(kData, kUserWrite);
  memory_->word(frame) = 0x1122334455667788;
  start(Script().load_byte(kData + 1).syscall(1).store_byte(kData + 2, 0xaa));
  expect_syscall(1);
  EXPECT_EQ(loaded(), 0x77U);
  expect_end();
  EXPECT_EQ(memory_->word(frame), 0x1122334455aa7788U);
}

TEST_P(MachineTest, AbsentPagesFaultWithTheProcessorsCodesAndTheAccessRunsAgain) {
  start(Script().load(kData + 16).syscall(1).store(kData + 0x1008, 5).execute(kData + 0x2000));
  expect_fault(kData + 16, kUser);
  const Pfn first = memory_->map(kData, kUserRead);
  memory_->word(first, 2) = 77;
  expect_syscall(1);
  EXPECT_EQ(loaded(), 77U);
  expect_fault(kData + 0x1008, kUser | kWrite);
  const Pfn second = memory_->map(kData + 0x1000, kUserWrite);
  expect_fault(kData + 0x2000, kUser | (has_no_execute() ? kFetch : 0));
  EXPECT_EQ(memory_->word(second, 1), 5U);
  const Pfn third = memory_->map(kData + 0x2000, kUserRead);
  write_return(third);
  expect_end();
}

TEST_P(MachineTest, AFaultThatIsNotMendedComesAgain) {
  start(Script().load(kData));
  expect_fault(kData, kUser);
  expect_fault(kData, kUser);
  memory_->map(kData, kUserRead);
  expect_end();
}

TEST_P(MachineTest, WritesToReadOnlyPagesFault) {
  memory_->map(kData, kUserRead);
  start(Script().load(kData).store(kData, 1));
  expect_fault(kData, kUser | kWrite | kPresent);
  memory_->set(kData, memory_->get(kData).with(pte::kWrite));  // laxer: no call is needed
  expect_end();
  EXPECT_TRUE(memory_->get(kData).has(pte::kDirty));
}

TEST_P(MachineTest, NoExecutePagesFaultWhereTheFormatHasNoExecute) {
  const Pfn frame = memory_->map(kData, kUserRead | no_execute());
  write_return(frame);
  start(Script().load(kData).execute(kData));
  if (has_no_execute()) {
    expect_fault(kData, kUser | kFetch | kPresent);
    memory_->set(kData, memory_->get(kData).without(pte::kNoExecute));
  }
  expect_end();
}

TEST_P(MachineTest, SupervisorPagesAreClosedToUsers) {
  memory_->map(kData, pte::kPresent | pte::kWrite);
  start(Script().load(kData).store(kData, 1));
  expect_fault(kData, kUser | kPresent);
  memory_->set(kData, memory_->get(kData).with(pte::kUser));
  expect_end();
}

TEST_P(MachineTest, AccessedAndDirtyAreSetAsAProcessorWould) {
  memory_->map(kData, kUserWrite);
  start(Script().syscall(1).load(kData).syscall(2).store(kData, 1).syscall(3));
  expect_syscall(1);
  EXPECT_FALSE(memory_->get(kData).has(pte::kAccessed | pte::kDirty));
  expect_syscall(2);
  EXPECT_TRUE(memory_->get(kData).has(pte::kAccessed));
  EXPECT_FALSE(memory_->get(kData).has(pte::kDirty));
  expect_syscall(3);
  EXPECT_TRUE(memory_->get(kData).has(pte::kDirty));
}

TEST_P(MachineTest, ClearedBitsAreSetAgainAfterInvalidation) {
  memory_->map(kData, kUserWrite);
  start(Script().store(kData, 1).syscall(1).load(kData).syscall(2).store(kData, 2).syscall(3));
  expect_syscall(1);
  memory_->set(kData, memory_->get(kData).without(pte::kAccessed | pte::kDirty));
  space_->invalidate(page(kData), Stricter::kOther);
  expect_syscall(2);
  EXPECT_TRUE(memory_->get(kData).has(pte::kAccessed));
  EXPECT_FALSE(memory_->get(kData).has(pte::kDirty));
  expect_syscall(3);
  EXPECT_TRUE(memory_->get(kData).has(pte::kDirty));
}

TEST_P(MachineTest, AfterInvalidationTheNewFrameIsSeen) {
  memory_->word(memory_->map(kData, kUserRead)) = 1;
  start(Script().load(kData).syscall(1).load(kData).syscall(2));
  expect_syscall(1);
  EXPECT_EQ(loaded(), 1U);
  const Pfn other = memory_->allocate();
  memory_->word(other) = 2;
  memory_->set(kData, Entry::map(other, kUserRead));
  space_->invalidate(page(kData), Stricter::kGone);
  expect_syscall(2);
  EXPECT_EQ(loaded(), 2U);
}

TEST_P(MachineTest, UnmappedPagesFaultAfterInvalidation) {
  for (unsigned i = 0; i < 8; ++i) memory_->map(kData + i * kPageSize, kUserWrite);
  start(Script()
            .store(kData, 1)
            .store(kData + 0x3000, 1)
            .syscall(1)
            .load(kData + 0x2000)
            .load(kData + 0x3000)
            .load(kData + 0x4000));
  expect_syscall(1);
  memory_->set(kData + 0x3000, Entry());
  space_->invalidate(page(kData + 0x3000), Stricter::kGone);
  expect_fault(kData + 0x3000, kUser);
  memory_->map(kData + 0x3000, kUserRead);
  expect_end();
}

TEST_P(MachineTest, WriteProtectedPagesFaultAfterInvalidation) {
  for (unsigned i = 0; i < 4; ++i) memory_->map(kData + i * kPageSize, kUserWrite);
  start(Script().store(kData, 1).store(kData + 0x2000, 2).syscall(1).load(kData).store(kData, 3));
  expect_syscall(1);
  memory_->set(kData, memory_->get(kData).without(pte::kWrite));
  memory_->set(kData + 0x2000, memory_->get(kData + 0x2000).without(pte::kWrite));
  space_->invalidate({VirtAddr(kData), VirtAddr(kData + 0x4000)}, Stricter::kReadOnly);
  expect_fault(kData, kUser | kWrite | kPresent);
  EXPECT_EQ(loaded(), 1U);
}

TEST_P(MachineTest, ManyScatteredPagesKeepTheirContents) {
  constexpr unsigned kPages = 300;
  Script script;
  std::vector<Pfn> frames;
  for (unsigned i = 0; i < kPages; ++i) frames.push_back(memory_->allocate());
  for (unsigned i = 0; i < kPages; ++i) {  // neighbours in neither direction
    memory_->set(kData + i * 3 * kPageSize,
                 Entry::map(frames[(i * 7) % kPages], kUserWrite | no_execute()));
    script.store(kData + i * 3 * kPageSize, i);
  }
  for (unsigned i = 0; i < kPages; ++i)
    script.load(kData + i * 3 * kPageSize).syscall(kNumbers + i);
  start(script);
  for (unsigned i = 0; i < kPages; ++i) {
    ASSERT_NO_FATAL_FAILURE(expect_syscall(kNumbers + i));
    ASSERT_EQ(loaded(), i);
    ASSERT_EQ(memory_->word(frames[(i * 7) % kPages]), i);
  }
}

TEST_P(MachineTest, LargePagesAreOnePage) {
  const bool classic = memory_->table().format() == PagingFormat::kClassic32;
  const unsigned order = classic ? 10 : 9;
  const Pfn first = memory_->allocate(order);
  ASSERT_TRUE(memory_->table().map_large(VirtAddr(kData), 2, Entry::map(first, kUserWrite)));
  const std::uint64_t last = (std::uint64_t{1} << order) - 1;
  memory_->word(first + last) = 99;
  start(Script().load(kData + last * kPageSize).syscall(1).store(kData + 0x5000, 7).syscall(2));
  expect_syscall(1);
  EXPECT_EQ(loaded(), 99U);
  EXPECT_FALSE(memory_->get(kData).has(pte::kDirty));
  expect_syscall(2);
  EXPECT_EQ(memory_->word(first + 5), 7U);
  EXPECT_TRUE(memory_->get(kData).has(pte::kDirty));
}

TEST_P(MachineTest, ExceptionsNameTheirVector) {
  start(Script().divide_by_zero().undefined().privileged());
  expect_exception(0);
  thread_->registers().rip += 2;
  expect_exception(6);
  thread_->registers().rip += 2;
  expect_exception(13);
  thread_->registers().rip += 2;
  expect_end();
}

TEST_P(MachineTest, NonCanonicalAddressesAreGeneralProtection) {
  if (runs_i386_code()) GTEST_SKIP() << "32-bit code has no such addresses";
  start(Script().load(0x8000'0000'0000'0000).load(kData));
  expect_exception(13);
}

TEST_P(MachineTest, AnEndlessLoopCanBeInterrupted) {
  start(Script().loop());
  std::thread other([this] { thread_->interrupt(); });
  EXPECT_EQ(thread_->run().kind, TrapKind::kInterrupted);
  other.join();
  thread_->interrupt();  // remembered while nothing runs, and once
  thread_->interrupt();
  EXPECT_EQ(thread_->run().kind, TrapKind::kInterrupted);
}

TEST_P(MachineTest, AnInterruptionLosesNothing) {
  memory_->map(kData, kUserWrite);
  start(Script().store(kData, 1).syscall(1).syscall(2));
  thread_->interrupt();
  EXPECT_EQ(thread_->run().kind, TrapKind::kInterrupted);
  expect_syscall(1);
  thread_->interrupt();
  EXPECT_EQ(thread_->run().kind, TrapKind::kInterrupted);
  expect_syscall(2);
}

TEST_P(MachineTest, TwoSpacesDoNotSeeEachOther) {
  GuestMemory& memory = *memory_;
  memory.word(memory.map(kData, kUserRead)) = 1;
  start(Script().load(kData).syscall(1).load(kData).syscall(2));
  auto other_table =
      PageTable::create(memory.frames(), memory.table().format(), &memory.half()).value();
  auto other_space = machine_->create_space(*other_table).value();
  CpuRegisters registers;
  registers.rip = kCode;
  {
    auto other = machine_->create_thread(*other_space, registers).value();
    const Trap trap = other->run();  // not even the code is there
    ASSERT_EQ(trap.kind, TrapKind::kPageFault);
    EXPECT_EQ(trap.address, VirtAddr(runs_code() ? kCode : kData));
  }
  other_space.reset();
  expect_syscall(1);
  expect_syscall(2);
}

TEST_P(MachineTest, CountersCount) {
  memory_->map(kData, kUserRead);
  start(Script().load(kData).syscall(1));
  expect_syscall(1);
  space_->invalidate(page(kData), Stricter::kGone);
  const MachineCounters counters = space_->counters();
  EXPECT_GE(counters.traps, 1U);
  EXPECT_EQ(counters.invalidations, 1U);
  if (kind() == MachineKind::kQemu) {
    EXPECT_EQ(counters.root_loads, 1U);
    EXPECT_GT(counters.guest_time.count(), 0);
  }
  if (kind() == MachineKind::kHost) {
    EXPECT_GE(counters.shadow_fills, 2U);  // code, data
    EXPECT_GE(counters.shadow_pages, 2U);
    EXPECT_GT(counters.guest_time.count(), 0);
  }
}

std::string name_of(const testing::TestParamInfo<MachineTest::ParamType>& info) {
  const auto [kind, format] = info.param;
  const std::string machine = kind == MachineKind::kHost   ? "Host"
                              : kind == MachineKind::kSoft ? "Soft"
                                                           : "Qemu";
  switch (format) {
    case PagingFormat::kClassic32:
      return machine + "Classic32";
    case PagingFormat::kPae:
      return machine + "Pae";
    case PagingFormat::kFourLevel:
      return machine + "FourLevel";
    case PagingFormat::kFiveLevel:
      return machine + "FiveLevel";
  }
  return machine;
}

INSTANTIATE_TEST_SUITE_P(
    Machines, MachineTest,
    testing::Combine(testing::Values(MachineKind::kHost, MachineKind::kSoft),
                     testing::Values(PagingFormat::kClassic32, PagingFormat::kPae,
                                     PagingFormat::kFourLevel, PagingFormat::kFiveLevel)),
    name_of);

INSTANTIATE_TEST_SUITE_P(Qemu, MachineTest,
                         testing::Combine(testing::Values(MachineKind::kQemu),
                                          testing::Values(PagingFormat::kClassic32,
                                                          PagingFormat::kPae,
                                                          PagingFormat::kFourLevel)),
                         name_of);

}  // namespace
}  // namespace gonzo
