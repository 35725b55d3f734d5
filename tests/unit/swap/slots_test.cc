// Areas, their priorities, and the counts of their slots.
#include <set>

#include "unit/swap/swap_fixture.h"

namespace gonzo {
namespace {

using State = SwapSpace::SlotState;

class SlotsTest : public test::SwapTest {};

TEST_F(SlotsTest, WithoutAreasThereIsNoRoom) {
  EXPECT_FALSE(swap_->has_areas());
  EXPECT_EQ(swap_->allocate().error(), Errno::kNoSpc);
  EXPECT_EQ(swap_->count({.type = 0, .offset = 0}), 0U);
  EXPECT_EQ(swap_->count({.type = 99, .offset = 0}), 0U);
}

TEST_F(SlotsTest, ConsecutiveAllocationsAreNeighbours) {
  add(1000);
  const SwapSlot first = allocate();
  for (std::uint64_t i = 1; i < 300; ++i)
    EXPECT_EQ(allocate(), (SwapSlot{first.type, first.offset + i}));
}

TEST_F(SlotsTest, ABatchIsConsecutive) {
  add(1000);
  const auto batch = allocate(600);
  for (std::size_t i = 1; i < batch.size(); ++i) EXPECT_EQ(batch[i].offset, batch[0].offset + i);
}

TEST_F(SlotsTest, ABatchGetsWhatThereIs) {
  add(10);
  std::vector<SwapSlot> slots(25);
  EXPECT_EQ(swap_->allocate(std::span(slots)), 10U);
  EXPECT_EQ(swap_->allocate(std::span(slots)).error(), Errno::kNoSpc);
}

TEST_F(SlotsTest, EachSlotIsGivenOutOnce) {
  add(700);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 700; ++i) EXPECT_TRUE(seen.insert(allocate().offset).second);
  EXPECT_LT(*seen.rbegin(), 700U);
  EXPECT_EQ(swap_->allocate().error(), Errno::kNoSpc);
  EXPECT_EQ(swap_->totals().free, 0U);
}

TEST_F(SlotsTest, FreedSlotsAreFoundAgain) {
  add(700);
  const auto all = allocate(700);
  for (const std::size_t i : {3U, 255U, 256U, 511U, 699U})
    EXPECT_EQ(swap_->free(all[i]), State::kFree);
  EXPECT_EQ(swap_->verify(), "");
  std::set<std::uint64_t> again;
  for (int i = 0; i < 5; ++i) again.insert(allocate().offset);
  EXPECT_EQ(again, (std::set<std::uint64_t>{3, 255, 256, 511, 699}));
}

TEST_F(SlotsTest, EmptiedClustersAreWholeAgain) {
  add(1024);
  const auto all = allocate(1024);
  for (const SwapSlot slot : all) {
    if (slot.offset >= 256 && slot.offset < 512) swap_->free(slot);
  }
  const auto batch = allocate(256);
  for (std::size_t i = 0; i < batch.size(); ++i) EXPECT_EQ(batch[i].offset, 256 + i);
}

TEST_F(SlotsTest, TheLastCountFreesAndDiscards) {
  const auto medium = add(10);
  const SwapSlot slot = allocate();
  swap_->duplicate(slot);
  swap_->duplicate(slot, 1000);
  EXPECT_EQ(swap_->count(slot), 1002U);
  EXPECT_EQ(swap_->free(slot, 1001), State::kUsed);
  EXPECT_TRUE(medium->discards.empty());
  EXPECT_EQ(swap_->free(slot), State::kFree);
  EXPECT_EQ(medium->discards, std::vector<std::uint64_t>{slot.offset});
  EXPECT_EQ(swap_->count(slot), 0U);
  EXPECT_EQ(swap_->totals().free, 10U);
}

TEST_F(SlotsTest, HigherPrioritiesGoFirst) {
  add(300, 5);
  add(300, 10);
  add(300);
  for (const SwapSlot slot : allocate(300)) EXPECT_EQ(slot.type, 1U);
  for (const SwapSlot slot : allocate(300)) EXPECT_EQ(slot.type, 0U);
  for (const SwapSlot slot : allocate(300)) EXPECT_EQ(slot.type, 2U);
}

TEST_F(SlotsTest, EqualPrioritiesTakeTurns) {
  add(2048, 5);
  add(2048, 5);
  add(2048, 1);
  std::array<int, 3> from{};
  for (const SwapSlot slot : allocate(2048)) ++from[slot.type];
  EXPECT_EQ(from, (std::array<int, 3>{1024, 1024, 0}));
}

TEST_F(SlotsTest, DefaultPrioritiesGoDown) {
  add(300);
  add(300);
  EXPECT_EQ(swap_->areas()[0].priority, -2);
  EXPECT_EQ(swap_->areas()[1].priority, -3);
  EXPECT_EQ(allocate().type, 0U);
}

TEST_F(SlotsTest, AnAreaInUseStays) {
  add(300);
  const SwapSlot slot = allocate();
  EXPECT_EQ(swap_->remove(0).error(), Errno::kBusy);
  EXPECT_EQ(allocate().type, 0U);
  EXPECT_EQ(swap_->remove(7).error(), Errno::kInval);
  EXPECT_EQ(swap_->count(slot), 1U);
}

TEST_F(SlotsTest, AnUnusedAreaGoes) {
  add(300, 5);
  add(300, 1);
  swap_->free(allocate());
  const auto device = swap_->remove(0);
  ASSERT_TRUE(device.has_value());
  EXPECT_EQ((*device)->slots(), 300U);
  EXPECT_EQ(allocate().type, 1U);
  EXPECT_EQ(swap_->totals().slots, 300U);
  add(50, 7);
  EXPECT_EQ(swap_->areas()[0].slots, 50U);
}

TEST_F(SlotsTest, ThereCanBeThirtyOneAreas) {
  for (unsigned i = 0; i < kMaxSwapDevices; ++i) add(1, 0);
  EXPECT_EQ(allocate(31).size(), 31U);
  auto one_more = std::make_unique<test::FakeDevice>(std::make_shared<test::FakeMedium>(), 1);
  EXPECT_EQ(swap_->add(std::move(one_more)).error(), Errno::kPerm);
}

TEST_F(SlotsTest, AnEmptyDeviceIsRefused) {
  auto empty = std::make_unique<test::FakeDevice>(std::make_shared<test::FakeMedium>(), 0);
  EXPECT_EQ(swap_->add(std::move(empty)).error(), Errno::kInval);
  EXPECT_FALSE(swap_->has_areas());
}

TEST_F(SlotsTest, TheTextIsThatOfProcSwaps) {
  EXPECT_EQ(swap_->swaps_text(), "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
  ASSERT_TRUE(swap_->add(std::make_unique<test::FakeDevice>(
      std::make_shared<test::FakeMedium>(), 262144, SwapLatency::kStorage, "/var/swap file")));
  allocate(3);
  EXPECT_EQ(swap_->swaps_text(),
            "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
            "/var/swap\\040file                       file\t\t1048576\t\t12\t\t-2\n");
}

TEST_F(SlotsTest, MoreFreesThanCountsAbort) {
  add(10);
  const SwapSlot slot = allocate();
  EXPECT_DEATH(swap_->free(slot, 2), "count >= n");
  EXPECT_DEATH(swap_->duplicate({.type = 0, .offset = slot.offset + 1}), "count");
  EXPECT_DEATH(swap_->free({.type = 0, .offset = 10}), "slots");
}

}  // namespace
}  // namespace gonzo
