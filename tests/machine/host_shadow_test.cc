// The shadow without a process: what it decides to map, from what our entries say.
#include "machine/host/host_shadow.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>

#include "machine/guest_memory.h"

namespace gonzo {
namespace {

constexpr std::uint64_t kBase = 0x20000000;

class HostShadowTest : public testing::Test {
 protected:
  HostShadowTest()
      : memory_(PagingFormat::kFourLevel),
        shadow_(memory_.table(), memory_.frames().frame_count(), 1000) {}

  /// `pages` consecutive frames from `page` on.
  Pfn map_run(std::uint64_t page, unsigned order, std::uint64_t flags) {
    const Pfn first = memory_.allocate(order);
    for (std::uint64_t i = 0; i < (1U << order); ++i) {
      memory_.set(kBase + (page + i) * kPageSize, Entry::map(first + i, flags));
    }
    return first;
  }
  VirtAddr at(std::uint64_t page) { return VirtAddr(kBase + page * kPageSize); }
  AddressRange range(std::uint64_t page, std::uint64_t pages) {
    return {at(page), at(page + pages)};
  }
  /// The pending commands, oldest first; they are no longer pending.
  std::vector<gonzo_command> commands() {
    auto mailbox = std::make_unique<gonzo_mailbox>();
    std::vector<gonzo_command> all;
    while (!shadow_.pending().empty()) {
      shadow_.pending().take(*mailbox);
      all.insert(all.end(), mailbox->commands, mailbox->commands + mailbox->command_count);
    }
    return all;
  }
  void expect_filled(std::uint64_t page, Access access) {
    EXPECT_EQ(shadow_.fill(at(page), access), HostShadow::Outcome::kFilled);
  }

  GuestMemory memory_;
  HostShadow shadow_;
};

TEST_F(HostShadowTest, DeniesWhatTheEntryDenies) {
  memory_.map(kBase, kUserRead | pte::kNoExecute);
  EXPECT_EQ(shadow_.fill(at(0), Access::kWrite), HostShadow::Outcome::kDenied);
  EXPECT_EQ(shadow_.fill(at(0), Access::kExecute), HostShadow::Outcome::kDenied);
  EXPECT_EQ(shadow_.fill(at(1), Access::kRead), HostShadow::Outcome::kDenied);
  EXPECT_TRUE(commands().empty());
  EXPECT_FALSE(memory_.get(kBase).has(pte::kAccessed));
}

TEST_F(HostShadowTest, AnAgedPageStaysMappedAndTheHostsTablesTell) {
  const Pfn frame = memory_.map(kBase, kUserWrite);
  expect_filled(0, Access::kWrite);
  EXPECT_FALSE(shadow_.is_aged(at(0)));
  memory_.set(kBase, memory_.get(kBase).without(pte::kAccessed));
  commands();
  shadow_.age(range(0, 1));
  const auto queued = commands();
  ASSERT_EQ(queued.size(), 1U);
  EXPECT_EQ(queued[0].operation, GONZO_OP_AGE);
  EXPECT_EQ(shadow_.mappings(), 1U);
  EXPECT_TRUE(shadow_.is_aged(at(0)));
  EXPECT_TRUE(shadow_.has_aged(std::array{at(1), at(0)}));
  EXPECT_EQ(memory_.get(kBase), Entry::map(frame, kUserWrite | pte::kDirty));
}

TEST_F(HostShadowTest, AnEntryBeyondTheArenaIsNeverMapped) {
  memory_.set(kBase, Entry::map(Pfn(memory_.frames().frame_count()), kUserWrite));
  EXPECT_EQ(shadow_.fill(at(0), Access::kRead), HostShadow::Outcome::kDenied);
  memory_.set(kBase, Entry());
}

TEST_F(HostShadowTest, MapsTheAlignedWindowInOneCommand) {
  const Pfn first = map_run(0, 5, kUserRead | pte::kNoExecute);
  expect_filled(20, Access::kRead);
  const auto list = commands();
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].operation, GONZO_OP_MAP) << "the host maps around faults by itself";
  EXPECT_EQ(list[0].address, at(16).value);
  EXPECT_EQ(list[0].length, 16 * kPageSize);
  EXPECT_EQ(list[0].argument, (first + 16).address().value);
  EXPECT_EQ(list[0].protection, PROT_READ);
  EXPECT_TRUE(memory_.get(at(31).value).has(pte::kAccessed));
  EXPECT_FALSE(memory_.get(at(15).value).has(pte::kAccessed));
}

TEST_F(HostShadowTest, SequentialFaultsMapMoreEachTime) {
  map_run(0, 8, kUserRead);
  expect_filled(0, Access::kRead);
  expect_filled(16, Access::kRead);
  expect_filled(48, Access::kRead);
  const auto list = commands();
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[1].length, 32 * kPageSize);
  EXPECT_EQ(list[2].length, 64 * kPageSize);
  EXPECT_EQ(shadow_.mappings(), 1U);
}

TEST_F(HostShadowTest, CleanNeighboursAreReadOnlyAndTheWrittenPageIsDirty) {
  map_run(0, 4, kUserWrite | pte::kNoExecute);
  expect_filled(4, Access::kWrite);
  const auto list = commands();
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0].address, at(4).value);  // what faulted comes first
  EXPECT_EQ(list[0].length, kPageSize);
  EXPECT_EQ(list[0].operation, GONZO_OP_MAP_POPULATE);
  EXPECT_EQ(list[0].protection, PROT_READ | PROT_WRITE);
  EXPECT_EQ(list[1].protection, PROT_READ);
  EXPECT_TRUE(memory_.get(at(4).value).has(pte::kDirty));
  EXPECT_FALSE(memory_.get(at(5).value).has(pte::kDirty));
}

TEST_F(HostShadowTest, TheFirstWriteToAMappedPageOnlyChangesItsProtection) {
  map_run(0, 4, kUserWrite | pte::kNoExecute);
  expect_filled(3, Access::kRead);
  commands();
  expect_filled(3, Access::kWrite);
  const auto list = commands();
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].operation, GONZO_OP_PROTECT);
  EXPECT_EQ(list[0].protection, PROT_READ | PROT_WRITE);
  EXPECT_EQ(shadow_.mappings(), 3U);
}

TEST_F(HostShadowTest, NeighboursThatMayBeWrittenToByNowBecomeWritableTogether) {
  constexpr std::uint64_t kUsed = pte::kAccessed | pte::kDirty;
  const Pfn first = map_run(0, 5, kUserWrite | kUsed | pte::kNoExecute);
  expect_filled(16, Access::kWrite);
  commands();
  shadow_.invalidate(range(0, 32), Stricter::kReadOnly);  // a fork
  commands();
  memory_.set(at(20).value, Entry::map(first + 20, kUserWrite | pte::kAccessed));  // clean
  memory_.set(at(28).value, Entry::map(first + 28, kUserWrite | pte::kDirty));     // aged
  expect_filled(24, Access::kWrite);
  const auto list = commands();
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].operation, GONZO_OP_MAP_POPULATE);
  EXPECT_EQ(list[0].address, at(21).value);
  EXPECT_EQ(list[0].length, 7 * kPageSize);
  EXPECT_EQ(list[0].argument, (first + 21).address().value);
  EXPECT_EQ(list[0].protection, PROT_READ | PROT_WRITE);
  EXPECT_FALSE(memory_.get(at(20).value).has(pte::kDirty));
  EXPECT_FALSE(memory_.get(at(28).value).has(pte::kAccessed));
}

TEST_F(HostShadowTest, ScatteredNeighboursAreFew) {
  for (unsigned i = 0; i < 16; ++i) memory_.allocate();
  for (unsigned i = 0; i < 16; ++i) {
    const Pfn frame = memory_.allocate();
    memory_.set(at(15 - i).value, Entry::map(frame, kUserRead));
  }
  expect_filled(8, Access::kRead);
  const auto list = commands();
  EXPECT_LE(list.size(), 4U);
  EXPECT_EQ(list[0].address, at(8).value);
}

TEST_F(HostShadowTest, SmallPiecesAroundThePageAreLeftToTheirOwnFaults) {
  map_run(0, 4, kUserWrite | pte::kNoExecute);
  expect_filled(3, Access::kWrite);
  const auto list = commands();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[1].address, at(4).value) << "not the three pages before";
  EXPECT_FALSE(memory_.get(at(2).value).has(pte::kAccessed));
}

TEST_F(HostShadowTest, WhatSomebodyWantsToSeeTheNextUseOfIsLeftToItsFault) {
  map_run(0, 4, kUserWrite | pte::kAccessed | pte::kDirty);
  memory_.set(at(6).value, memory_.get(at(6).value).without(pte::kAccessed));
  expect_filled(3, Access::kRead);
  EXPECT_FALSE(memory_.get(at(6).value).has(pte::kAccessed));
  const auto list = commands();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].length, 6 * kPageSize);
  EXPECT_EQ(list[1].address, at(7).value);
  expect_filled(6, Access::kRead);
  EXPECT_TRUE(memory_.get(at(6).value).has(pte::kAccessed));
}

TEST_F(HostShadowTest, WhatFollowsOnPagesThatCameInOrderIsMappedHoweverScattered) {
  constexpr std::uint64_t kPages = 24;
  for (std::uint64_t i = 0; i < kPages; ++i) {
    const Pfn frame = memory_.allocate();
    memory_.set(at(kPages - 1 - i).value, Entry::map(frame, kUserRead));
  }
  for (const std::uint64_t page : {1, 2, 3}) expect_filled(page, Access::kRead);
  EXPECT_EQ(commands().size(), 3U) << "in no order so far";
  expect_filled(4, Access::kRead);
  const auto list = commands();
  ASSERT_EQ(list.size(), 17U);
  EXPECT_EQ(list.front().address, at(4).value);
  EXPECT_EQ(list.back().address, at(20).value);
}

TEST_F(HostShadowTest, InvalidatingWhatWasNeverMappedCostsNothing) {
  map_run(0, 4, kUserRead);
  shadow_.invalidate(range(0, 16), Stricter::kGone);
  shadow_.invalidate(range(0, 16), Stricter::kReadOnly);
  EXPECT_TRUE(commands().empty());
}

TEST_F(HostShadowTest, InvalidatingUnmapsOnce) {
  map_run(0, 4, kUserRead);
  expect_filled(0, Access::kRead);
  commands();
  for (unsigned i = 0; i < 16; ++i) shadow_.invalidate(range(i, 1), Stricter::kGone);
  shadow_.invalidate(range(0, 100), Stricter::kGone);
  const auto list = commands();
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].operation, GONZO_OP_UNMAP);
  EXPECT_EQ(list[0].address, at(0).value);
  EXPECT_EQ(list[0].length, 16 * kPageSize);
}

TEST_F(HostShadowTest, WriteProtectionKeepsThePagesReadable) {
  map_run(0, 4, kUserWrite | pte::kAccessed | pte::kDirty);
  expect_filled(0, Access::kWrite);
  commands();
  shadow_.invalidate(range(4, 4), Stricter::kReadOnly);
  const auto list = commands();
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].operation, GONZO_OP_PROTECT);
  EXPECT_EQ(list[0].address, at(4).value);
  EXPECT_EQ(list[0].length, 4 * kPageSize);
  EXPECT_FALSE(list[0].protection & PROT_WRITE);
  EXPECT_EQ(shadow_.mappings(), 3U);
}

TEST_F(HostShadowTest, WriteProtectionOfTheWholeSpaceLeavesTheStub) {
  constexpr std::uint64_t kAboveSlots = GONZO_SLOTS_END + (1 << 20);
  constexpr std::uint64_t kScattered = 80;  // more than are worth a command each
  for (std::uint64_t i = 0; i < kScattered; ++i) {
    const VirtAddr page(kAboveSlots + i * 64 * kPageSize);
    memory_.map(page.value, kUserWrite | pte::kDirty);
    EXPECT_EQ(shadow_.fill(page, Access::kWrite), HostShadow::Outcome::kFilled);
  }
  memory_.map(kBase, kUserWrite | pte::kDirty);
  expect_filled(0, Access::kWrite);
  commands();
  shadow_.invalidate({at(0), VirtAddr(kAboveSlots + kScattered * 64 * kPageSize)},
                     Stricter::kReadOnly);
  const auto list = commands();
  ASSERT_FALSE(list.empty());
  for (const gonzo_command& command : list) {
    EXPECT_TRUE(command.address + command.length <= GONZO_STUB_BASE ||
                command.address >= GONZO_SLOTS_END)
        << std::hex << command.address << " + " << command.length;
  }
}

/// It would take a fault for each block to come back.
TEST_F(HostShadowTest, AForkLeavesALargeMappingBesideManySmallOnes) {
  constexpr std::uint64_t kSmall = 80;  // more than are worth a command each
  constexpr std::uint64_t kApart = 64;
  constexpr std::uint64_t kLarge = 40 * kApart;
  for (std::uint64_t i = 0; i < kSmall; ++i) {
    const std::uint64_t page = i * kApart + (i * kApart >= kLarge ? 2 * kApart : 0);
    memory_.map(at(page).value, kUserWrite | pte::kDirty);
    expect_filled(page, Access::kWrite);
  }
  map_run(kLarge, 7, kUserWrite | pte::kAccessed | pte::kDirty);
  for (std::uint64_t page = kLarge; page < kLarge + 128; page += 16) {
    expect_filled(page, Access::kWrite);
  }
  commands();
  shadow_.invalidate(range(0, (kSmall + 2) * kApart), Stricter::kReadOnly);
  const auto list = commands();
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0].operation, GONZO_OP_UNMAP);
  EXPECT_EQ(list[1].operation, GONZO_OP_PROTECT);
  EXPECT_EQ(list[1].address, at(kLarge).value);
  EXPECT_EQ(list[1].length, 128 * kPageSize);
  EXPECT_EQ(list[2].operation, GONZO_OP_UNMAP);
  EXPECT_EQ(shadow_.mappings(), 1U);
}

TEST_F(HostShadowTest, AFullShadowIsDroppedBeforeItOverflows) {
  HostShadow small(memory_.table(), memory_.frames().frame_count(), 20);
  for (unsigned i = 0; i < 200; ++i) {
    memory_.map(at(i * 40).value, kUserRead);
    EXPECT_EQ(small.fill(at(i * 40), Access::kRead), HostShadow::Outcome::kFilled);
    EXPECT_LE(small.mappings(), 20U);
  }
  EXPECT_GT(small.drops(), 5U);
}

TEST_F(HostShadowTest, EndlessInvalidationsDoNotPileUp) {
  for (unsigned i = 0; i < 3000; ++i) memory_.map(at(i * 20).value, kUserRead);
  for (unsigned i = 0; i < 3000; ++i) {
    if (shadow_.mappings() < 20) expect_filled(i * 20, Access::kRead);
    shadow_.invalidate(range(i * 20, 1), Stricter::kGone);
    EXPECT_LE(shadow_.pending().size(), 4U * GONZO_COMMAND_CAPACITY + 8);
  }
}

/// Each mapping would take a fault to come back.
TEST_F(HostShadowTest, SomeInvalidationsDoNotCostAllMappings) {
  constexpr unsigned kMappings = 900;
  for (unsigned i = 0; i < kMappings; ++i) {
    memory_.map(at(i * 20).value, kUserRead);
    expect_filled(i * 20, Access::kRead);
  }
  commands();
  for (unsigned i = 0; i < kMappings; ++i) {
    if (i % 9 != 0) shadow_.invalidate(range(i * 20, 1), Stricter::kGone);
  }
  EXPECT_EQ(shadow_.mappings(), kMappings / 9);
  EXPECT_EQ(shadow_.drops(), 0U);
}

TEST_F(HostShadowTest, AlternatingWriteProtectionAndWritesStayCorrect) {
  map_run(0, 4, kUserWrite);
  for (unsigned round = 0; round < 5; ++round) {
    expect_filled(2, Access::kWrite);
    memory_.set(at(2).value, memory_.get(at(2).value).without(pte::kDirty));
    shadow_.invalidate(range(2, 1), Stricter::kReadOnly);
    EXPECT_FALSE(commands().back().protection & PROT_WRITE);
  }
}

}  // namespace
}  // namespace gonzo
