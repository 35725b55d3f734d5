// Reserved bits, large pages, addresses and races of the software MMU.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>

#include "unit/paging/hand_made_tables.h"

namespace gonzo {
namespace {

using test::fault_of;
using test::HandMadeTables;
using test::PathFacts;

constexpr std::uint32_t kNone = ~0U;
constexpr std::uint32_t kOtherException = ~1U;

/// Bits that a present entry must not have when MAXPHYADDR is 46 (SDM tables 4-3 to 4-20).
struct ReservedFacts {
  unsigned path;  ///< of kPaths
  unsigned level;
  bool large;
  std::uint64_t mask;
};
constexpr ReservedFacts kReserved[] = {
    {0, 1, false, 0},
    {0, 2, false, 0},
    {0, 2, true, 0x0020'0000},
    {1, 1, false, 0x7fff'c000'0000'0000},
    {1, 2, false, 0x7fff'c000'0000'0000},
    {1, 2, true, 0x7fff'c000'001f'e000},
    {1, 3, false, 0xffff'c000'0000'01e6},
    {2, 1, false, 0x000f'c000'0000'0000},
    {2, 2, false, 0x000f'c000'0000'0000},
    {2, 2, true, 0x000f'c000'001f'e000},
    {2, 3, false, 0x000f'c000'0000'0000},
    {2, 3, true, 0x000f'c000'3fff'e000},
    {2, 4, false, 0x000f'c000'0000'0080},
    {3, 1, false, 0x000f'c000'0000'0000},
    {3, 2, false, 0x000f'c000'0000'0000},
    {3, 2, true, 0x000f'c000'001f'e000},
    {3, 3, false, 0x000f'c000'0000'0000},
    {3, 3, true, 0x000f'c000'3fff'e000},
    {3, 4, false, 0x000f'c000'0000'0080},
    {3, 5, false, 0x000f'c000'0000'0080},
};

TEST(SoftwareMmu, ReservedBitsAtEveryLevelOneByOne) {
  for (const ReservedFacts& facts : kReserved) {
    const PathFacts& path = test::kPaths[facts.path];
    HandMadeTables tables(path);
    tables.link_all();
    tables.write(1, 0x123007);
    if (facts.large) tables.write(facts.level, 0x4000'0087);
    const std::uint64_t good = tables.read(facts.level);
    ASSERT_EQ(fault_of(tables.walk()), kNone);
    const bool leads_on = facts.level > 1 && !facts.large;
    for (unsigned bit = 1; bit < 8 * path.entry_bytes; ++bit) {
      const std::uint64_t one = 1ULL << bit;
      // A frame bit would lead to another table, PS to another kind of entry.
      if (leads_on && bit >= 12 && bit < 46) continue;
      if (leads_on && bit == 7 && !(facts.mask & one)) continue;
      tables.write(facts.level, good | one);
      const bool reserved = facts.mask & one;
      EXPECT_EQ(fault_of(tables.walk()), reserved ? 0xdU : kNone)
          << path.name << " level " << facts.level << " bit " << bit;
      EXPECT_EQ(fault_of(tables.walk(Access::kWrite)), reserved ? 0xfU : kNone);
      EXPECT_EQ(fault_of(tables.walk(Access::kRead, Privilege::kSupervisor)),
                reserved ? 0x9U : kNone);
      // Bits of an absent entry mean nothing.
      tables.write(facts.level, (good | one) & ~1ULL);
      EXPECT_EQ(fault_of(tables.walk()), 0x4U);
    }
  }
}

TEST(SoftwareMmu, FrameBitsFromTheProcessorsWidthOnAreReserved) {
  for (const unsigned path : {1U, 2U, 3U}) {
    HandMadeTables tables(test::kPaths[path]);
    tables.link_all();
    for (const unsigned width : {36U, 39U, 52U}) {
      const WalkControls controls{.physical_bits = width};
      const auto code = [&](std::uint64_t raw) {
        tables.write(1, raw);
        return fault_of(tables.walk(Access::kRead, Privilege::kUser, controls));
      };
      EXPECT_EQ(code(1ULL << (width - 1) | 7), kNone);
      // Bits 52 and up: reserved in PAE, free for software in the others.
      const bool reserved = width < 52 || test::kPaths[path].format == PagingFormat::kPae;
      EXPECT_EQ(code(1ULL << width | 7), reserved ? 0xdU : kNone);
    }
  }
}

TEST(SoftwareMmu, WithoutNoExecuteItsBitIsReservedAtEveryLevel) {
  for (const unsigned path : {1U, 2U, 3U}) {
    for (unsigned level = 1; level <= test::kPaths[path].levels; ++level) {
      HandMadeTables tables(test::kPaths[path]);
      tables.link_all();
      tables.write(1, 0x123007);
      tables.write(level, tables.read(level) | 1ULL << 63);
      const WalkControls controls{.no_execute = false};
      EXPECT_EQ(fault_of(tables.walk(Access::kRead, Privilege::kUser, controls)), 0xdU);
      // Without NX and SMEP, a fetch is reported as a read.
      EXPECT_EQ(fault_of(tables.walk(Access::kExecute, Privilege::kUser, controls)), 0xdU);
    }
  }
}

TEST(SoftwareMmu, AnUpperReservedBitComesBeforeALowerAbsence) {
  HandMadeTables tables(test::kPaths[2]);
  tables.link_all();
  tables.write(3, tables.read(3) | 1ULL << 51);
  tables.write(1, 0);
  EXPECT_EQ(fault_of(tables.walk()), 0xdU);
}

TEST(SoftwareMmu, AbsenceComesBeforeRights) {
  HandMadeTables tables(test::kPaths[2]);
  tables.link_all();
  tables.link(4, 1);  // neither writable nor the user's
  tables.write(1, 0);
  EXPECT_EQ(fault_of(tables.walk(Access::kWrite)), 0x6U);
}

TEST(SoftwareMmu, LargePagesTranslateAndAreMarked) {
  struct Case {
    unsigned path, level;
    std::uint64_t raw, physical;
  };
  const Case cases[] = {
      {0, 2, 0x0080'0087, 0x0080'4abc},      // 4 MiB: low 22 bits of the address
      {0, 2, 0x0080'1087, 0x0080'4abc},      // PAT is no frame bit
      {0, 2, 0x0082'4087, 0x12'0080'4abc},   // PSE-36: bits 13-20 are 32-39
      {1, 2, 0x1'2340'0087, 0x1'2340'4abc},  // 2 MiB
      {2, 2, 0x1'2340'0087, 0x1'2340'4abc},  //
      {2, 3, 0x3'4000'0087, 0x3'4060'4abc},  // 1 GiB
      {2, 3, 0x3'4000'1087, 0x3'4060'4abc},  //
      {3, 3, 0x3'4000'0087, 0x3'4060'4abc},  //
  };
  for (const Case& c : cases) {
    HandMadeTables tables(test::kPaths[c.path]);
    tables.link_all(c.level);
    tables.write(c.level, c.raw);
    const auto result = tables.walk();
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->physical.value, c.physical);
    EXPECT_EQ(result->level, c.level);
    EXPECT_EQ(tables.read(c.level), c.raw | 0x20);
    EXPECT_EQ(tables.read(1), 0U) << "a large page ends the walk";
    ASSERT_TRUE(tables.walk(Access::kWrite).has_value());
    EXPECT_EQ(tables.read(c.level), c.raw | 0x60);
  }
}

TEST(SoftwareMmu, FourMegabytePagesReserveWhatTheFrameDoesNotUse) {
  HandMadeTables tables(test::kPaths[0]);
  for (const auto& [width, reserved] : {std::pair{32U, 0x003f'e000U},
                                        {36U, 0x003e'0000U},
                                        {40U, 0x0020'0000U},
                                        {52U, 0x0020'0000U}}) {
    for (unsigned bit = 13; bit <= 21; ++bit) {
      tables.write(2, 0x87U | 1U << bit);
      const auto result = tables.walk(Access::kRead, Privilege::kUser, {.physical_bits = width});
      EXPECT_EQ(fault_of(result), reserved >> bit & 1 ? 0xdU : kNone) << width << ' ' << bit;
    }
  }
}

TEST(SoftwareMmu, DirtyIsOnlyForWritesAndOnlyInTheLeaf) {
  HandMadeTables tables(test::kPaths[2]);
  tables.link_all();
  tables.write(1, 0x123007);
  const auto read = tables.walk(Access::kRead);
  EXPECT_EQ(tables.read(1), 0x123027U);
  EXPECT_EQ(read->flags & pte::kDirty, 0U);
  const auto write = tables.walk(Access::kWrite);
  EXPECT_EQ(tables.read(1), 0x123067U);
  EXPECT_NE(write->flags & pte::kDirty, 0U);
  for (const unsigned level : {2U, 3U, 4U}) EXPECT_EQ(tables.read(level) & 0xfff, 0x27U);
}

TEST(SoftwareMmu, ASupervisorsWriteWithoutWriteProtectDirtiesAReadOnlyPage) {
  HandMadeTables tables(test::kPaths[0]);
  tables.link_all();
  tables.write(1, 0x123005);
  const WalkControls controls{.write_protect = false};
  ASSERT_TRUE(tables.walk(Access::kWrite, Privilege::kSupervisor, controls).has_value());
  EXPECT_EQ(tables.read(1), 0x123065U);
}

TEST(SoftwareMmu, NonCanonicalAddressesAreGeneralProtection) {
  HandMadeTables four(test::kPaths[2]), five(test::kPaths[3]);
  const auto code = [](HandMadeTables& tables, std::uint64_t address) {
    return fault_of(tables.walk_at(address, Access::kRead, Privilege::kUser));
  };
  EXPECT_EQ(code(four, 0x0000'7fff'ffff'ffff), 0x4U);
  EXPECT_EQ(code(four, 0x0000'8000'0000'0000), kOtherException);
  EXPECT_EQ(code(four, 0xffff'7fff'ffff'ffff), kOtherException);
  EXPECT_EQ(code(four, 0xffff'8000'0000'0000), 0x4U);
  EXPECT_EQ(code(five, 0x0000'8000'0000'0000), 0x4U);
  EXPECT_EQ(code(five, 0x0100'0000'0000'0000), kOtherException);
  EXPECT_EQ(code(five, 0xff00'0000'0000'0000), 0x4U);
  const auto result = four.walk_at(1ULL << 60, Access::kWrite, Privilege::kUser);
  EXPECT_EQ(result.error(), (MmuFault{MmuFault::Vector::kGeneralProtection, 0}));
}

TEST(SoftwareMmu, TheUpperHalfIsWalkedToo) {
  HandMadeTables tables(test::kPaths[2]);
  tables.link_all();
  tables.write(1, 0x123003);
  // The same path from the root's last slot.
  const std::uint64_t raw = tables.read(4);
  reinterpret_cast<std::uint64_t*>(tables.arena().frames().address(tables.table(4)))[511] = raw;
  const std::uint64_t address = 0xffff'ff80'8060'4abc;
  EXPECT_EQ(tables.walk_at(address, Access::kRead, Privilege::kSupervisor)->physical.value,
            0x123abcU);
  EXPECT_EQ(fault_of(tables.walk_at(address, Access::kRead, Privilege::kUser)), 0x5U);
}

TEST(SoftwareMmu, ATableOutsideMemoryReadsAsOnes) {
  HandMadeTables tables(test::kPaths[2]);
  tables.link_all();
  tables.write(2, 0x20'0000'0007);
  EXPECT_EQ(fault_of(tables.walk()), 0xdU);
  // Past what a frame number can say.
  tables.write(2, 0x2000'0000'0007);
  EXPECT_EQ(fault_of(tables.walk()), 0xdU);
}

/// All ones is a good entry where nothing is reserved.
TEST(SoftwareMmu, AClassicTableOutsideMemoryMapsTheLastFrame) {
  HandMadeTables tables(test::kPaths[0]);
  tables.write(2, 0x8000'0007);
  const auto result = tables.walk(Access::kWrite);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->physical.value, 0xffff'fabcU);
}

TEST(SoftwareMmu, APageOutsideMemoryStillTranslates) {
  HandMadeTables tables(test::kPaths[2]);
  tables.link_all();
  tables.write(1, 0x20'0000'0007);
  EXPECT_EQ(tables.walk()->physical.value, 0x20'0000'0abcU);
}

TEST(SoftwareMmuDeathTest, AnAddressThatA32BitProcessorCannotFormIsTheCallersError) {
  HandMadeTables tables(test::kPaths[0]);
  EXPECT_DEATH((void)tables.walk_at(1ULL << 32, Access::kRead, Privilege::kUser), "does not hold");
}

/// The check of R/W and the setting of D are one step: a page found read-only stays clean.
TEST(SoftwareMmu, DirtyNeverAppearsOnAnEntryThatWasMadeReadOnly) {
  HandMadeTables tables(test::kPaths[2]);
  tables.link_all();
  tables.write(1, 0x123007);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> walks{0};
  std::thread writer([&] {
    while (!stop.load()) {
      (void)tables.walk(Access::kWrite);
      walks.fetch_add(1);
    }
  });
  const EntryRef leaf = tables.entry(1);
  for (unsigned round = 0; round < 2000; ++round) {
    leaf.exchange(Entry(0x123025));
    const std::uint64_t before = walks.load();
    for (unsigned spin = 0; spin < 100 && walks.load() < before + 2; ++spin) {
      ASSERT_FALSE(leaf.load().has(pte::kDirty));
    }
    ASSERT_EQ(leaf.exchange(Entry(0x123007)), Entry(0x123025));
  }
  stop.store(true);
  writer.join();
}

}  // namespace
}  // namespace gonzo
