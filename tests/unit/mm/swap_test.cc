// Address spaces larger than memory: what leaves for swap comes back.
#include <sys/mman.h>

#include <cctype>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "unit/mm/swap_guest.h"

namespace gonzo::test {
namespace {

class SwapTest : public SwapGuest {};

TEST_F(SwapTest, HoldsMoreThanMemory) {
  map(3 * kFrames);
  fill(3 * kFrames);
  EXPECT_GT(space_->counts().swap, 2 * kFrames);
  EXPECT_EQ(space_->verify(), "");
  expect_filled(*space_, 3 * kFrames);
  const AddressSpaceCounts counts = space_->counts();
  EXPECT_GT(counts.major_faults, 0U);
  EXPECT_EQ(counts.swap + counts.rss_anon, 3 * kFrames);
}

TEST_F(SwapTest, APageThatCameBackIsWritableAgain) {
  map(1);
  poke(page(0), 1);
  push_out();
  EXPECT_TRUE(entry(page(0)).is_swap());
  EXPECT_EQ(write_fault(page(0)), FaultOutcome::kMajor);
  EXPECT_TRUE(entry(page(0)).is_writable());
  EXPECT_EQ(swap_->totals().free, kSlots);
  poke(page(0), 2);
  push_out();
  EXPECT_EQ(peek(page(0)), 2);
}

TEST_F(SwapTest, UnmappingGivesSlotsBack) {
  map(16);
  fill(16);
  push_out();
  EXPECT_EQ(swap_->totals().free, kSlots - 16);
  EXPECT_TRUE(space_->unmap(page(0), 4 * kPageSize).has_value());
  EXPECT_TRUE(space_->advise(page(4), 4 * kPageSize, MADV_DONTNEED).has_value());
  EXPECT_EQ(swap_->totals().free, kSlots - 8);
  EXPECT_EQ(peek(page(4)), 0);
  EXPECT_EQ(peek(page(8)), value_of(8));
}

TEST_F(SwapTest, AChildSharesWhatIsInSwap) {
  map(64);
  fill(64);
  push_out();
  const auto child = fork(*space_);
  EXPECT_EQ(child->counts().swap, 64U);
  poke(page(1), 99);
  expect_filled(*child, 64);
  EXPECT_EQ(child->verify(), "");
  EXPECT_EQ(peek(page(1)), 99);
}

TEST_F(SwapTest, SharedFramesLeaveAllTheirEntries) {
  map(32);
  fill(32);
  const auto child = fork(*space_);
  const auto grandchild = fork(*child);
  push_out();
  EXPECT_EQ(space_->counts().swap, 32U);
  EXPECT_EQ(child->counts().swap, 32U);
  EXPECT_EQ(grandchild->counts().swap, 32U);
  EXPECT_EQ(swap_->totals().slots - swap_->totals().free, 32U);
  expect_filled(*grandchild, 32);
  expect_filled(*space_, 32);
}

TEST_F(SwapTest, FindsThePagesOfAParentThatHasEnded) {
  map(32);
  fill(32);
  auto child = fork(*space_);
  const auto grandchild = fork(*child);
  child.reset();
  space_.reset();
  push_out();
  EXPECT_EQ(grandchild->counts().swap, 32U);
  expect_filled(*grandchild, 32);
}

TEST_F(SwapTest, FindsPagesThatHaveMoved) {
  map(8);
  fill(8);
  const VirtAddr moved = *space_->remap(page(0), 8 * kPageSize, 8 * kPageSize,
                                        MREMAP_MAYMOVE | MREMAP_FIXED, page(100));
  push_out();
  EXPECT_TRUE(entry(moved).is_swap());
  const VirtAddr again =
      *space_->remap(moved, 8 * kPageSize, 8 * kPageSize, MREMAP_MAYMOVE | MREMAP_FIXED, page(200));
  for (std::uint64_t i = 0; i < 8; ++i) EXPECT_EQ(peek(again + i * kPageSize), value_of(i));
}

TEST_F(SwapTest, FindsPrivateCopiesOfAFile) {
  make_object(8);
  map_object(8, kReadWrite, MAP_PRIVATE);
  poke(page(3), 42);
  push_out();
  EXPECT_TRUE(entry(page(3)).is_swap());
  EXPECT_EQ(peek(page(3)), 42);
}

TEST_F(SwapTest, LockedAndPinnedPagesStay) {
  map(3);
  fill(3);
  ASSERT_TRUE(space_->lock_memory(page(0), kPageSize, 0).has_value());
  std::array<AddressSpace::Piece, 1> pinned;
  ASSERT_EQ(space_->pin(page(1), kPageSize, Access::kWrite, pinned), 1U);
  push_out();
  EXPECT_TRUE(entry(page(0)).is_present());
  EXPECT_TRUE(entry(page(1)).is_present());
  EXPECT_TRUE(entry(page(2)).is_swap());
  space_->unpin(pinned);
}

TEST_F(SwapTest, ProtectionChangesWhileAPageIsAway) {
  map(2);
  fill(2);
  push_out();
  ASSERT_TRUE(space_->protect(page(0), 2 * kPageSize, PROT_NONE).has_value());
  EXPECT_EQ(read_fault(page(0)), FaultOutcome::kNoAccess);
  ASSERT_TRUE(space_->protect(page(0), 2 * kPageSize, PROT_READ).has_value());
  EXPECT_EQ(peek(page(0)), value_of(0));
  EXPECT_EQ(write_fault(page(0)), FaultOutcome::kNoAccess);
}

TEST_F(SwapTest, AFailedReadIsOneProcessesTrouble) {
  map(2);
  fill(2);
  push_out();
  device_->fail_reads({});
  EXPECT_EQ(read_fault(page(0)), FaultOutcome::kBeyondObject);
  device_->recover();
  EXPECT_EQ(peek(page(1)), value_of(1));
  EXPECT_EQ(peek(page(0)), value_of(0));
}

TEST_F(SwapTest, AFailedWriteKeepsThePage) {
  map(8);
  fill(8);
  device_->fail_writes({});
  push_out();
  EXPECT_GE(reclaimer_->stats().unwritten, 8U);
  EXPECT_EQ(swap_->totals().written, 0U);
  expect_filled(*space_, 8);
  device_->recover();
  push_out();
  EXPECT_EQ(space_->counts().swap, 8U);
}

TEST_F(SwapTest, EndsWhenSwapIsFull) {
  map(kSlots + 2 * kFrames, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
  std::uint64_t filled = 0;
  while (space_->fault(page(filled), Access::kWrite) == FaultOutcome::kMinor) ++filled;
  EXPECT_GT(filled, kSlots);
  EXPECT_LT(filled, kSlots + kFrames);
  EXPECT_EQ(space_->fault(page(filled), Access::kWrite), FaultOutcome::kOutOfMemory);
}

TEST_F(SwapTest, AdviceSendsPagesAway) {
  map(64);
  fill(64);
  auto child = fork(*space_);
  for (std::uint64_t i = 0; i < 32; ++i) poke(page(i), value_of(i));
  ASSERT_TRUE(space_->advise(page(0), 64 * kPageSize, MADV_PAGEOUT).has_value());
  EXPECT_TRUE(entry(page(5)).is_swap());
  EXPECT_EQ(space_->counts().swap, 32U);  // not those that the child has, too
  expect_filled(*space_, 64);
  child.reset();
  ASSERT_TRUE(space_->advise(page(0), 16 * kPageSize, MADV_COLD).has_value());
  reclaimer_->reclaim(8);
  EXPECT_GT(space_->counts().swap, 0U);
  for (std::uint64_t i = 16; i < 32; ++i) EXPECT_TRUE(entry(page(i)).is_present()) << i;
}

/// Linux: swapin_readahead.
TEST_F(SwapTest, NeighboursComeAlong) {
  map(64);
  fill(64);
  push_out();
  expect_filled(*space_, 64);
  const SwapSpace::Totals totals = swap_->totals();
  EXPECT_GT(totals.read_ahead, 32U);
  EXPECT_EQ(totals.hits, totals.read_ahead);
  EXPECT_LT(space_->counts().major_faults, 32U);
}

TEST_F(SwapTest, NeighboursThatNobodyAsksForLeaveAgainUnwritten) {
  map(64);
  fill(64);
  push_out();
  const std::uint64_t written = swap_->totals().written;
  EXPECT_EQ(peek(page(8)), value_of(8));
  EXPECT_GT(swap_->totals().cached, 0U);
  push_out();
  EXPECT_EQ(swap_->totals().cached, 0U);
  EXPECT_EQ(swap_->totals().written, written);
  EXPECT_EQ(frames_->stats().by_state[static_cast<int>(FrameState::kAnonymous)], 0U);
  expect_filled(*space_, 64);
}

TEST_F(SwapTest, NeighboursOfACopyBelongToBoth) {
  map(32);
  fill(32);
  const auto child = fork(*space_);
  push_out();
  EXPECT_EQ(peek(page(0)), value_of(0));
  for (std::uint64_t i = 0; i < 32; ++i) {
    EXPECT_EQ(peek(*child, page(i)), value_of(i));
    EXPECT_EQ(peek(page(i)), value_of(i));
  }
  push_out();
  EXPECT_EQ(frames_->stats().by_state[static_cast<int>(FrameState::kAnonymous)], 0U);
  EXPECT_EQ(space_->counts().swap, 32U);
  EXPECT_EQ(child->counts().swap, 32U);
  expect_filled(*child, 32);
}

// ---- who asks for one page after the other gets those that follow ----

class SwapInOrderTest : public SwapGuest, public testing::WithParamInterface<SwapLatency> {
 protected:
  void SetUp() override { begin(16); }
  void begin(unsigned fault_around) {
    manager_config_.anonymous_fault_around = fault_around;
    start_with(kDefaultPolicy, PagingFormat::kFourLevel, GetParam());
  }
};

TEST_P(SwapInOrderTest, PagesComeInEverLargerGroups) {
  map(128);
  fill(128);
  push_out();
  unsigned faults = 0;
  for (std::uint64_t i = 0; i < 128; ++i) {
    if (!entry(page(i)).is_swap()) continue;
    EXPECT_TRUE(mended(read_fault(page(i))));
    ++faults;
  }
  EXPECT_LE(faults, 24U);
  EXPECT_EQ(space_->counts().swap, 0U);
  EXPECT_EQ(space_->verify(), "");
  expect_filled(*space_, 128);
}

TEST_P(SwapInOrderTest, NothingFollowsAtRandom) {
  map(128);
  fill(128);
  push_out();
  for (std::uint64_t i = 0; i < 128; i += 4) EXPECT_TRUE(mended(read_fault(page(i))));
  EXPECT_EQ(space_->counts().swap, 96U);
}

class SwapOneByOneTest : public SwapInOrderTest {
 protected:
  void SetUp() override { begin(1); }
};

TEST_P(SwapOneByOneTest, EachPageHasItsFault) {
  map(64);
  fill(64);
  push_out();
  for (std::uint64_t i = 0; i < 32; ++i) EXPECT_TRUE(mended(read_fault(page(i))));
  EXPECT_EQ(space_->counts().swap, 32U);
}

TEST_P(SwapInOrderTest, FollowingPagesEndWithTheirArea) {
  map(6);
  fill(6);
  push_out();
  ASSERT_TRUE(space_->protect(page(4), 2 * kPageSize, PROT_NONE).has_value());
  for (std::uint64_t i = 0; i < 4; ++i) EXPECT_TRUE(mended(read_fault(page(i))));
  EXPECT_TRUE(entry(page(4)).is_swap());
  ASSERT_TRUE(space_->protect(page(4), 2 * kPageSize, kReadWrite).has_value());
  expect_filled(*space_, 6);
}

TEST_P(SwapInOrderTest, AFamilySharesThem) {
  map(64);
  fill(64);
  const auto child = fork(*space_);
  push_out();
  expect_filled(*space_, 64);
  expect_filled(*child, 64);
  EXPECT_EQ(frames_->stats().by_state[static_cast<int>(FrameState::kAnonymous)], 64U);
  poke(page(40), 99);
  EXPECT_EQ(peek(*child, page(40)), value_of(40));
  push_out();
  EXPECT_EQ(frames_->stats().by_state[static_cast<int>(FrameState::kAnonymous)], 0U);
  EXPECT_EQ(child->verify(), "");
}

TEST_P(SwapInOrderTest, AReadThatFailsIsLeftToItsOwnFault) {
  map(16);
  fill(16);
  push_out();
  for (std::uint64_t i = 0; i < 3; ++i) EXPECT_EQ(peek(page(i)), value_of(i));
  const std::uint64_t swapped = space_->counts().swap;
  device_->fail_reads({.first = 2});
  EXPECT_TRUE(mended(read_fault(page(3))));
  device_->recover();
  EXPECT_LT(space_->counts().swap, swapped);
  expect_filled(*space_, 16);
}

std::string name_of(const testing::TestParamInfo<SwapLatency>& which) {
  return which.param == SwapLatency::kMemory ? "memory" : "storage";
}
constexpr auto kLatencies = {SwapLatency::kMemory, SwapLatency::kStorage};
INSTANTIATE_TEST_SUITE_P(Devices, SwapInOrderTest, testing::ValuesIn(kLatencies), name_of);
INSTANTIATE_TEST_SUITE_P(Devices, SwapOneByOneTest, testing::ValuesIn(kLatencies), name_of);

class MemorySwapTest : public SwapGuest {
 protected:
  void SetUp() override {
    start_with(kDefaultPolicy, PagingFormat::kFourLevel, SwapLatency::kMemory);
  }
};

/// Linux: do_swap_page maps what it took out of swap writable.
TEST_F(MemorySwapTest, WhatIsInNoOtherPlaceCanBeWrittenAtOnce) {
  map(1);
  fill(1);
  push_out();
  EXPECT_EQ(read_fault(page(0)), FaultOutcome::kMajor);
  EXPECT_EQ(swap_->totals().free, kSlots);
  EXPECT_TRUE(entry(page(0)).is_writable());
  EXPECT_TRUE(entry(page(0)).has(pte::kDirty));
  push_out();
  EXPECT_EQ(swap_->totals().written, 2U);
  EXPECT_EQ(peek(page(0)), value_of(0));
}

TEST_F(MemorySwapTest, WhatOthersNeedAsWellCannot) {
  map(1);
  fill(1);
  const auto child = fork(*space_);
  push_out();
  EXPECT_EQ(read_fault(page(0)), FaultOutcome::kMajor);
  EXPECT_FALSE(entry(page(0)).is_writable());
  poke(page(0), 99);
  EXPECT_EQ(peek(*child, page(0)), value_of(0));
}

TEST_F(MemorySwapTest, WhatMayNotBeWrittenIsNot) {
  map(1);
  fill(1);
  push_out();
  ASSERT_TRUE(space_->protect(page(0), kPageSize, PROT_READ).has_value());
  EXPECT_EQ(read_fault(page(0)), FaultOutcome::kMajor);
  EXPECT_FALSE(entry(page(0)).is_writable());
}

// ---- pages that were only read: swap has the same ----

TEST_F(SwapTest, APageThatIsOnlyReadIsWrittenOnce) {
  map(8);
  fill(8);
  push_out();
  EXPECT_EQ(swap_->totals().written, 8U);
  for (int round = 0; round < 3; ++round) {
    expect_filled(*space_, 8);
    EXPECT_EQ(swap_->totals().cached, 8U);
    EXPECT_EQ(swap_->totals().free, kSlots - 8);
    EXPECT_FALSE(entry(page(0)).is_writable());
    EXPECT_EQ(space_->verify(), "");
    EXPECT_EQ(swap_->verify(), "");
    push_out();
    EXPECT_EQ(space_->counts().swap, 8U);
  }
  EXPECT_EQ(swap_->totals().written, 8U);
  EXPECT_EQ(swap_->totals().cached, 0U);
  expect_filled(*space_, 8);
}

TEST_F(SwapTest, AWriteGivesTheCopyUpAndKeepsTheFrame) {
  map(2);
  fill(2);
  push_out();
  expect_filled(*space_, 2);
  const Pfn before = entry(page(0)).pfn();
  poke(page(0), 99);
  EXPECT_EQ(entry(page(0)).pfn(), before);
  EXPECT_FALSE(entry(page(1)).is_writable());  // swap still has the same
  EXPECT_EQ(swap_->totals().free, kSlots - 1);
  push_out();
  EXPECT_EQ(swap_->totals().written, 3U);
  EXPECT_EQ(peek(page(0)), 99);
  EXPECT_EQ(peek(page(1)), value_of(1));
}

TEST_F(SwapTest, OneFrameServesAllWhoReadIt) {
  map(16);
  fill(16);
  const auto child = fork(*space_);
  push_out();
  expect_filled(*space_, 16);
  expect_filled(*child, 16);
  EXPECT_EQ(child->fault(page(3), Access::kRead), FaultOutcome::kMinor);
  EXPECT_EQ(frames_->stats().by_state[static_cast<int>(FrameState::kAnonymous)], 16U);
  push_out();
  EXPECT_EQ(swap_->totals().written, 16U);
  EXPECT_EQ(space_->counts().swap, 16U);
  EXPECT_EQ(child->counts().swap, 16U);
  // One has read it, the other's entry still names the slot: a write is a copy.
  expect_filled(*space_, 16);
  for (std::uint64_t i = 0; i < 16; ++i) poke(page(i), 77);
  EXPECT_EQ(space_->verify(), "");
  expect_filled(*child, 16);
  for (std::uint64_t i = 0; i < 16; ++i) poke(*child, page(i), 78);
  push_out();
  for (std::uint64_t i = 0; i < 16; ++i) {
    EXPECT_EQ(peek(page(i)), 77);
    EXPECT_EQ(peek(*child, page(i)), 78);
  }
}

TEST_F(SwapTest, AForkSharesAPageThatSwapHasToo) {
  map(8);
  fill(8);
  push_out();
  expect_filled(*space_, 8);
  auto child = fork(*space_);
  poke(*child, page(0), 50);
  poke(page(1), 51);
  push_out();
  EXPECT_EQ(swap_->totals().written, 8U + 2U);  // what they share swap has already
  expect_filled(*child, 0);
  EXPECT_EQ(peek(*child, page(0)), 50);
  EXPECT_EQ(peek(*child, page(1)), value_of(1));
  EXPECT_EQ(peek(page(0)), value_of(0));
  EXPECT_EQ(peek(page(1)), 51);
  child.reset();
  for (std::uint64_t i = 2; i < 8; ++i) EXPECT_EQ(peek(page(i)), value_of(i));
}

TEST_F(SwapTest, TheLastEntryTakesTheSlotAlong) {
  map(32);
  fill(32);
  push_out();
  expect_filled(*space_, 32);
  auto child = fork(*space_);
  EXPECT_TRUE(space_->unmap(page(0), 8 * kPageSize).has_value());
  EXPECT_TRUE(space_->advise(page(8), 8 * kPageSize, MADV_DONTNEED).has_value());
  EXPECT_EQ(swap_->totals().free, kSlots - 32);
  child.reset();
  EXPECT_EQ(swap_->totals().free, kSlots - 16);
  EXPECT_EQ(frames_->stats().by_state[static_cast<int>(FrameState::kAnonymous)], 16U);
  ASSERT_TRUE(space_->advise(page(16), 8 * kPageSize, MADV_FREE).has_value());
  EXPECT_EQ(swap_->totals().free, kSlots - 8);
}

TEST_F(SwapTest, AChildsEndLeavesTheParentItsCopy) {
  map(8);
  fill(8);
  push_out();
  auto child = fork(*space_);
  expect_filled(*space_, 8);
  child.reset();
  push_out();
  EXPECT_EQ(swap_->totals().written, 8U);
  expect_filled(*space_, 8);
}

TEST_F(SwapTest, ACopyFollowsAPageThatMoves) {
  map(8);
  fill(8);
  push_out();
  expect_filled(*space_, 8);
  const VirtAddr moved = *space_->remap(page(0), 8 * kPageSize, 8 * kPageSize,
                                        MREMAP_MAYMOVE | MREMAP_FIXED, page(100));
  push_out();
  EXPECT_EQ(swap_->totals().written, 8U);
  for (std::uint64_t i = 0; i < 8; ++i) EXPECT_EQ(peek(moved + i * kPageSize), value_of(i));
  ASSERT_TRUE(space_->protect(moved, 8 * kPageSize, PROT_NONE).has_value());
  ASSERT_TRUE(space_->protect(moved, 8 * kPageSize, kReadWrite).has_value());
  EXPECT_FALSE(entry(moved).is_writable());
  poke(moved, 5);
  push_out();
  EXPECT_EQ(peek(moved), 5);
}

TEST_F(SwapTest, ADebuggersWriteIsNotLost) {
  map(1);
  fill(1);
  push_out();
  expect_filled(*space_, 1);
  ASSERT_TRUE(space_->protect(page(0), kPageSize, PROT_READ).has_value());
  const std::byte value{33};
  ASSERT_EQ(space_->write_forced(page(0), std::span(&value, 1)), 1U);
  push_out();
  EXPECT_EQ(peek(page(0)), 33);
}

TEST_F(SwapTest, ADebuggerReadsAndWritesWhatIsInSwap) {
  map(4);
  for (const int protection : {PROT_NONE, PROT_READ}) {
    fill(4);
    ASSERT_TRUE(space_->protect(page(0), 4 * kPageSize, protection).has_value());
    push_out();
    ASSERT_EQ(space_->counts().swap, 4U);
    std::byte seen{};
    ASSERT_EQ(space_->read_forced(page(1), std::span(&seen, 1)), 1U);
    EXPECT_EQ(std::to_integer<int>(seen), value_of(1));
    push_out();
    const std::byte value{33};
    ASSERT_EQ(space_->write_forced(page(2), std::span(&value, 1)), 1U);
    EXPECT_FALSE(entry(page(2)).is_writable());
    push_out();
    ASSERT_TRUE(space_->protect(page(0), 4 * kPageSize, kReadWrite).has_value());
    EXPECT_EQ(peek(page(1)), value_of(1));
    EXPECT_EQ(peek(page(2)), 33);
    EXPECT_EQ(space_->verify(), "");
  }
}

TEST_F(SwapTest, CopiesGoWhenSwapIsHalfFull) {
  map(kSlots);
  fill(kSlots / 2 + kFrames);
  ASSERT_GT(space_->counts().swap, kSlots / 2);
  const auto used = [&] { return swap_->totals().slots - swap_->totals().free; };
  ASSERT_EQ(used(), space_->counts().swap);
  expect_filled(*space_, kSlots / 2 + kFrames);
  // Neighbours that nobody has asked for yet are counted by their entries.
  EXPECT_EQ(used(), space_->counts().swap);
}

/// As many pages as there are slots besides those in memory, whatever copies were worth keeping.
TEST_F(SwapTest, IdleSlotsAreGivenBackForNewPages) {
  map(kSlots + kFrames, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
  fill(400);
  push_out();
  expect_filled(*space_, 400);
  EXPECT_EQ(swap_->totals().cached, 400U);
  ASSERT_TRUE(space_->lock_memory(page(0), 400 * kPageSize, 0).has_value());
  std::uint64_t filled = 400;
  while (space_->fault(page(filled), Access::kWrite) == FaultOutcome::kMinor) ++filled;
  EXPECT_GT(filled, kSlots);
  EXPECT_EQ(space_->verify(), "");
  EXPECT_EQ(swap_->verify(), "");
  expect_filled(*space_, 400);
}

TEST_F(SwapTest, WhatCouldNotBeWrittenIsNoCopy) {
  map(8);
  fill(8);
  device_->fail_writes({});
  push_out();
  expect_filled(*space_, 8);
  push_out();
  device_->recover();
  expect_filled(*space_, 8);
  push_out();
  EXPECT_EQ(space_->counts().swap, 8U);
  EXPECT_EQ(swap_->totals().written, 8U);
  expect_filled(*space_, 8);
}

// ---- MADV_FREE ----

TEST_F(SwapTest, WhatWasFreedLazilyIsDropped) {
  map(32);
  fill(32);
  ASSERT_TRUE(space_->advise(page(0), 16 * kPageSize, MADV_FREE).has_value());
  EXPECT_EQ(peek(page(3)), value_of(3));
  poke(page(5), 55);
  push_out();
  EXPECT_EQ(space_->counts().swap, 17U);
  EXPECT_EQ(swap_->totals().written, 17U);
  EXPECT_EQ(reclaimer_->stats().pglazyfree, 16U);
  EXPECT_EQ(reclaimer_->stats().pglazyfreed, 15U);
  EXPECT_EQ(peek(page(5)), 55);
  EXPECT_EQ(peek(page(3)), 0);
  for (std::uint64_t i = 16; i < 32; ++i) EXPECT_EQ(peek(page(i)), value_of(i));
}

TEST_F(SwapTest, WhatWasFreedLazilyIsDroppedByEachOfAFamily) {
  map(8);
  fill(8);
  ASSERT_TRUE(space_->advise(page(0), 8 * kPageSize, MADV_FREE).has_value());
  const auto child = fork(*space_);
  poke(*child, page(1), 9);
  push_out();
  EXPECT_EQ(swap_->totals().written, 1U);
  EXPECT_EQ(peek(*child, page(1)), 9);
  EXPECT_EQ(peek(*child, page(2)), 0);
  EXPECT_EQ(peek(page(1)), 0);
}

TEST_F(SwapTest, FreeingLazilyForgetsWhatIsInSwap) {
  map(8);
  fill(8);
  push_out();
  ASSERT_TRUE(space_->advise(page(0), 4 * kPageSize, MADV_FREE).has_value());
  EXPECT_EQ(swap_->totals().free, kSlots - 4);
  EXPECT_EQ(peek(page(0)), 0);
  EXPECT_EQ(peek(page(4)), value_of(4));
}

TEST_F(SwapTest, LazilyFreedPagesThatAreSharedOrPinnedStay) {
  map(3);
  fill(3);
  std::array<AddressSpace::Piece, 1> pinned;
  ASSERT_EQ(space_->pin(page(1), kPageSize, Access::kWrite, pinned), 1U);
  ASSERT_TRUE(space_->advise(page(0), 3 * kPageSize, MADV_FREE).has_value());
  ASSERT_TRUE(space_->protect(page(2), kPageSize, PROT_NONE).has_value());
  ASSERT_TRUE(space_->protect(page(2), kPageSize, kReadWrite).has_value());
  EXPECT_FALSE(entry(page(2)).is_writable());
  poke(page(2), 7);
  push_out();
  EXPECT_TRUE(entry(page(1)).is_present());
  EXPECT_EQ(peek(page(1)), value_of(1));
  EXPECT_EQ(peek(page(0)), 0);
  EXPECT_EQ(peek(page(2)), 7);
  space_->unpin(pinned);
}

TEST_F(SwapTest, WhatWasFreedLazilyCanBeKept) {
  map(4);
  fill(4);
  ASSERT_TRUE(space_->advise(page(0), 4 * kPageSize, MADV_FREE).has_value());
  space_->keep(page(1), 2 * kPageSize);
  push_out();
  EXPECT_EQ(peek(page(0)), 0);
  EXPECT_EQ(peek(page(1)), value_of(1));
  EXPECT_EQ(peek(page(2)), value_of(2));
  EXPECT_EQ(peek(page(3)), 0);
}

/// Linux: kswapd.
TEST_F(SwapTest, BalancingFreesUpToTheHighWatermark) {
  map(2 * kFrames);
  fill(kFrames - 200);
  while (frames_->stats().free > 4) poke(page(kFrames + frames_->stats().free), 1);
  const auto high = [&] {
    std::array<ZoneStats, 3> storage;
    std::uint64_t sum = 0;
    for (const ZoneStats& zone : frames_->zone_stats(storage)) sum += zone.watermark_high;
    return sum;
  };
  EXPECT_GT(reclaimer_->balance(), 0U);
  EXPECT_GE(frames_->stats().free, high());
  EXPECT_EQ(reclaimer_->balance(), 0U);
  EXPECT_EQ(reclaimer_->stats().pageoutrun, 1U);
  EXPECT_EQ(reclaimer_->stats().allocstall, 0U);
}

/// One more try after another has gone; none when this one is to go.
TEST_F(SwapTest, WhoFindsNothingAsksForAnEnd) {
  struct Handler : OutOfMemoryHandler {
    bool out_of_memory(int owner) override {
      last = owner;
      if (std::exchange(end, nullptr) == nullptr) return false;
      ended();
      return true;
    }
    AddressSpace* end = nullptr;
    std::function<void()> ended;
    int last = -1;
  } handler;
  manager_->set_out_of_memory_handler(&handler);
  device_->fail_writes({});
  auto other = *AddressSpace::create(*manager_, child_cache_, {.owner = 7});
  ASSERT_TRUE(other
                  ->map({.hint = kBase,
                         .length = kFrames * kPageSize,
                         .protection = kReadWrite,
                         .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED})
                  .has_value());
  for (std::uint64_t i = 0; i < kFrames / 2; ++i) poke(*other, page(i), 1);
  handler.end = other.get();
  handler.ended = [&] { other.reset(); };
  map(kFrames);
  std::uint64_t filled = 0;
  while (mended(write_fault(page(filled)))) ++filled;
  EXPECT_EQ(other, nullptr);
  EXPECT_GT(filled, kFrames / 2);
  EXPECT_EQ(handler.last, 0);
  manager_->set_out_of_memory_handler(nullptr);
}

class SwapPolicyTest : public SwapTest, public ::testing::WithParamInterface<std::string_view> {
 protected:
  void SetUp() override { start_with(GetParam()); }

  /// What each page of each process must hold; absent: not touched.
  struct Process {
    std::unique_ptr<AddressSpace> space;
    std::map<std::uint64_t, int> pages;
  };
};

/// Processes that together have three times the memory write, read, fork, move, unmap and end.
TEST_P(SwapPolicyTest, NothingIsLost) {
  constexpr std::uint64_t kPages = 700;
  std::mt19937 random(20261122);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  std::vector<Process> processes(1);
  processes[0].space = std::move(space_);
  ASSERT_TRUE(processes[0]
                  .space
                  ->map({.hint = kBase,
                         .length = kPages * kPageSize,
                         .protection = kReadWrite,
                         .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED})
                  .has_value());
  for (std::uint64_t at = 0; at < kPages; ++at) {
    processes[0].pages[at] = value_of(at);
    poke(*processes[0].space, page(at), value_of(at));
  }
  for (int step = 0; step < 6000; ++step) {
    Process& process = processes[below(processes.size())];
    const std::uint64_t at = below(kPages);
    const std::uint64_t kind = below(100);
    if (kind < 50) {
      process.pages[at] = static_cast<int>(below(128));
      poke(*process.space, page(at), process.pages[at]);
    } else if (kind < 95) {
      const auto known = process.pages.find(at);
      ASSERT_EQ(peek(*process.space, page(at)), known == process.pages.end() ? 0 : known->second);
    } else if (kind < 97 && processes.size() < 5) {
      auto child = fork(*process.space);
      ASSERT_NE(child, nullptr);
      processes.push_back({std::move(child), process.pages});
    } else if (kind < 98 && processes.size() > 1) {
      processes.erase(processes.begin() + static_cast<std::ptrdiff_t>(below(processes.size())));
    } else {
      ASSERT_TRUE(process.space->advise(page(at), kPageSize, MADV_DONTNEED).has_value());
      process.pages.erase(at);
    }
  }
  for (const Process& process : processes) {
    EXPECT_EQ(process.space->verify(), "");
    for (const auto& [at, value] : process.pages) {
      ASSERT_EQ(peek(*process.space, page(at)), value) << at;
    }
  }
  EXPECT_GT(swap_->totals().written, kFrames);
}

std::string test_name(const ::testing::TestParamInfo<std::string_view>& policy) {
  std::string name(policy.param);
  std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
  return name;
}
INSTANTIATE_TEST_SUITE_P(Policies, SwapPolicyTest, ::testing::ValuesIn(policy_names()), test_name);

}  // namespace
}  // namespace gonzo::test
