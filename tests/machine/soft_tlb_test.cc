#include "machine/soft/soft_tlb.h"

#include <gtest/gtest.h>

#include "machine/guest_memory.h"
#include "machine/script.h"

namespace gonzo {
namespace {

VirtAddr page_at(std::uint64_t number) { return VirtAddr(number * kPageSize); }
Translation to(std::uint64_t frame) { return {PhysAddr(frame * kPageSize), 1, pte::kUser}; }

TEST(SoftTlbTest, KeepsTheMostRecentlyUsedOfASet) {
  SoftTlb tlb(4, 2);
  tlb.insert(page_at(0), to(10));
  tlb.insert(page_at(4), to(14));
  EXPECT_NE(tlb.find(page_at(0)), nullptr);
  tlb.insert(page_at(8), to(18));  // the same set: 4 goes
  EXPECT_EQ(tlb.find(page_at(4)), nullptr);
  ASSERT_NE(tlb.find(page_at(0)), nullptr);
  EXPECT_EQ(tlb.find(page_at(8))->frame, 18 * kPageSize);
  EXPECT_EQ(tlb.counters().hits, 3U);
  EXPECT_EQ(tlb.counters().misses, 1U);
}

TEST(SoftTlbTest, InvalidatesRangesSmallAndLarge) {
  SoftTlb tlb(4, 2);
  for (unsigned i = 0; i < 4; ++i) tlb.insert(page_at(i), to(i));
  tlb.invalidate({page_at(1), page_at(2)});
  EXPECT_EQ(tlb.find(page_at(1)), nullptr);
  EXPECT_NE(tlb.find(page_at(2)), nullptr);
  tlb.invalidate({page_at(2), page_at(1000000)});
  EXPECT_EQ(tlb.find(page_at(2)), nullptr);
  EXPECT_NE(tlb.find(page_at(0)), nullptr);
}

TEST(SoftMachineTest, AForgottenInvalidationShows) {
  constexpr std::uint64_t kData = 0x20000000;
  GuestMemory memory(PagingFormat::kFourLevel);
  memory.word(memory.map(kData, kUserRead)) = 1;
  const Script script = Script().load(kData).syscall(1).load(kData).syscall(2);
  auto machine =
      create_soft_machine(memory.frames(),
                          {.load = [&](const CpuRegisters&) { return script.interpret(); }})
          .value();
  auto space = machine->create_space(memory.table()).value();
  auto thread = machine->create_thread(*space, {}).value();
  thread->run();
  const Pfn other = memory.allocate();
  memory.word(other) = 2;
  memory.set(kData, Entry::map(other, kUserRead));
  thread->run();
  EXPECT_EQ(thread->registers().r12, 1U);
  EXPECT_EQ(tlb_counters(*space).hits, 1U);
  EXPECT_EQ(tlb_counters(*space).misses, 1U);
}

TEST(SoftMachineTest, RefusesNonsense) {
  GuestMemory memory(PagingFormat::kFourLevel);
  EXPECT_EQ(create_soft_machine(memory.frames(), {}).error(), Errno::kInval);
  const auto load = [](const CpuRegisters&) { return Script().interpret(); };
  EXPECT_EQ(create_soft_machine(memory.frames(), {.load = load, .tlb_sets = 3}).error(),
            Errno::kInval);
}

TEST(SoftMachineTest, AccessesThatCrossPagesAreWholeOrNothing) {
  constexpr std::uint64_t kData = 0x20000000;
  GuestMemory memory(PagingFormat::kFourLevel);
  const Pfn first = memory.map(kData, kUserWrite);
  const Script script = Script().store(kData + 0xffc, 0x1122334455667788).load(kData + 0xffc);
  auto machine =
      create_soft_machine(memory.frames(),
                          {.load = [&](const CpuRegisters&) { return script.interpret(); }})
          .value();
  auto space = machine->create_space(memory.table()).value();
  auto thread = machine->create_thread(*space, {}).value();
  const Trap trap = thread->run();
  ASSERT_EQ(trap.kind, TrapKind::kPageFault);
  EXPECT_EQ(trap.address, VirtAddr(kData + 0x1000));
  EXPECT_EQ(memory.word(first, 511), 0U);
  const Pfn second = memory.map(kData + 0x1000, kUserWrite);
  EXPECT_EQ(thread->run().kind, TrapKind::kSyscall);
  EXPECT_EQ(memory.word(first, 511), 0x5566778800000000U);
  EXPECT_EQ(memory.word(second), 0x11223344U);
  EXPECT_EQ(thread->registers().r12, 0x1122334455667788U);
}

}  // namespace
}  // namespace gonzo
