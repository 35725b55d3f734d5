// Pages to and from devices, and which are read ahead.
#include "unit/swap/swap_fixture.h"
#include <gonzo/swap/readahead_size.h>

namespace gonzo {
namespace {

using Call = test::FakeMedium::Call;

class TransferTest : public test::SwapTest {
 protected:
  std::vector<Pfn> frames(std::size_t count) {
    std::vector<Pfn> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(frame(static_cast<int>(i + 1)));
    return all;
  }
  void put(const std::vector<Pfn>& all) {
    for (const Pfn pfn : all) arena_->put(pfn);
  }
  /// Slots of the window around `offset` of area 0.
  std::vector<std::uint64_t> window(std::uint64_t offset) {
    std::array<SwapSlot, SwapReadaheadSize::kMost> room;
    std::vector<std::uint64_t> offsets;
    for (const SwapSlot slot : swap_->readahead_window({0, offset}, room))
      offsets.push_back(slot.offset);
    return offsets;
  }
};

TEST_F(TransferTest, PagesComeBack) {
  add(100);
  const auto slots = allocate(20);
  const auto out = frames(20);
  EXPECT_EQ(swap_->write_out(slots, out).pages, 20U);
  const auto in = frames(20);
  for (const Pfn pfn : in) arena_.fill(pfn, 0xee);
  EXPECT_EQ(swap_->read_in(slots, in).pages, 20U);
  for (std::size_t i = 0; i < in.size(); ++i)
    EXPECT_TRUE(arena_.is_filled(in[i], static_cast<int>(i + 1)));
  EXPECT_EQ(swap_->totals().written, 20U);
  EXPECT_EQ(swap_->totals().read, 20U);
  put(out);
  put(in);
}

TEST_F(TransferTest, NeighboursGoInOneCall) {
  const auto medium = add(100);
  allocate(100);
  const std::vector<SwapSlot> slots{{0, 3}, {0, 4}, {0, 5}, {0, 9}, {0, 8}, {0, 9}};
  const auto out = frames(slots.size());
  EXPECT_TRUE(swap_->write_out(slots, out).result);
  EXPECT_EQ(medium->writes, (std::vector<Call>{{3, 3}, {9, 1}, {8, 2}}));
  put(out);
}

TEST_F(TransferTest, AreasAreNotMixed) {
  const auto first = add(2, 5);
  const auto second = add(2, 4);
  const auto slots = allocate(4);
  const auto out = frames(4);
  EXPECT_EQ(swap_->write_out(slots, out).pages, 4U);
  EXPECT_EQ(first->writes, (std::vector<Call>{{0, 2}}));
  EXPECT_EQ(second->writes, (std::vector<Call>{{0, 2}}));
  put(out);
}

TEST_F(TransferTest, WhatCanBeWrittenIs) {
  const auto medium = add(100);
  const auto slots = allocate(10);
  medium->unwritable.insert(slots[6].offset);
  const auto out = frames(10);
  const auto done = swap_->write_out(slots, out);
  EXPECT_EQ(done.pages, 6U);
  EXPECT_EQ(done.result.error(), Errno::kNoSpc);
  EXPECT_EQ(medium->pages.size(), 6U);
  EXPECT_EQ(swap_->totals().written, 6U);
  put(out);
}

TEST_F(TransferTest, ALostPageIsAnError) {
  add(100);
  const SwapSlot slot = allocate();
  const Pfn pfn = frame();
  EXPECT_EQ(swap_->read_in(slot, pfn).error(), Errno::kIo);
  EXPECT_EQ(swap_->totals().read, 0U);
  arena_->put(pfn);
}

TEST_F(TransferTest, TheWindowHasWhatIsOnTheDeviceOnly) {
  add(1000);
  const auto slots = allocate(100);
  const Pfn pfn = frame();
  ASSERT_TRUE(swap_->insert(slots[17], pfn));
  arena_->put(pfn);
  EXPECT_TRUE(swap_->try_start(slots[18]));
  swap_->free(slots[19]);
  // At first hits are hoped for: 8 pages, aligned.
  EXPECT_EQ(window(20), (std::vector<std::uint64_t>{16, 21, 22, 23}));
  EXPECT_FALSE(swap_->finish_read(slots[18], fail(Errno::kIo)));
  EXPECT_EQ(swap_->totals().read_ahead, 1U);
}

TEST_F(TransferTest, TheWindowEndsWithTheArea) {
  add(13);
  allocate(13);
  EXPECT_EQ(window(12), (std::vector<std::uint64_t>{8, 9, 10, 11}));
}

TEST_F(TransferTest, HitsKeepTheWindowOpen) {
  add(1000);
  allocate(1000);
  EXPECT_EQ(window(100).size(), 7U);
  EXPECT_EQ(window(300).size(), 3U);
  EXPECT_EQ(window(500).size(), 1U);
  EXPECT_EQ(window(700).size(), 0U);
  EXPECT_EQ(window(701).size(), 1U);
  swap_->note_readahead_hit({0, 700});
  EXPECT_EQ(window(800).size(), 3U);
  for (int i = 0; i < 5; ++i) swap_->note_readahead_hit({0, 801});
  EXPECT_EQ(window(900).size(), 7U);
  EXPECT_EQ(swap_->totals().hits, 6U);
}

TEST_F(TransferTest, MemoryNeedsNoReadAhead) {
  add(1000, {}, SwapLatency::kMemory);
  allocate(1000);
  EXPECT_TRUE(window(100).empty());
  EXPECT_TRUE(swap_->is_in_memory({0, 100}));
}

}  // namespace
}  // namespace gonzo
