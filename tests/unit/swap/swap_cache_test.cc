// Frames in the swap cache, reads under way, shadows.
#include <thread>

#include "unit/swap/swap_fixture.h"

namespace gonzo {
namespace {

using Kind = SwapSpace::Lookup::Kind;
using State = SwapSpace::SlotState;

class SwapCacheTest : public test::SwapTest {
 protected:
  SwapCacheTest() { medium_ = add(512); }

  std::shared_ptr<test::FakeMedium> medium_;
};

TEST_F(SwapCacheTest, TheCacheHoldsAReference) {
  const SwapSlot slot = allocate();
  const Pfn pfn = frame();
  EXPECT_FALSE(swap_->find(slot).has_value());
  ASSERT_TRUE(swap_->insert(slot, pfn));
  EXPECT_EQ(refs(pfn), 2);
  EXPECT_EQ(swap_->find(slot), pfn);
  EXPECT_EQ(refs(pfn), 3);
  EXPECT_EQ(swap_->totals().cached, 1U);
  arena_->put(pfn);
  EXPECT_TRUE(swap_->erase(slot, pfn));
  EXPECT_EQ(refs(pfn), 1);
  EXPECT_EQ(swap_->totals().cached, 0U);
  arena_->put(pfn);
}

TEST_F(SwapCacheTest, ASecondFrameIsRefused) {
  const SwapSlot slot = allocate();
  const Pfn pfn = frame(), other = frame();
  ASSERT_TRUE(swap_->insert(slot, pfn));
  EXPECT_EQ(swap_->insert(slot, other).error(), Errno::kExist);
  EXPECT_FALSE(swap_->erase(slot, other));
  EXPECT_EQ(swap_->find(slot), pfn);
  for (const Pfn done : {pfn, pfn, other}) arena_->put(done);
}

TEST_F(SwapCacheTest, ACachedSlotOutlivesItsCounts) {
  const SwapSlot slot = allocate();
  const Pfn pfn = frame();
  ASSERT_TRUE(swap_->insert(slot, pfn));
  EXPECT_FALSE(swap_->erase_unused(slot, pfn));
  EXPECT_EQ(swap_->free(slot), State::kCached);
  EXPECT_TRUE(medium_->discards.empty());
  EXPECT_EQ(swap_->totals().free, 511U);
  // The page is clean: unmapped again, it needs no writing.
  swap_->duplicate(slot);
  EXPECT_EQ(swap_->count(slot), 1U);
  EXPECT_EQ(swap_->free(slot), State::kCached);
  EXPECT_TRUE(swap_->erase_unused(slot, pfn));
  EXPECT_EQ(medium_->discards.size(), 1U);
  EXPECT_EQ(swap_->totals().free, 512U);
  arena_->put(pfn);
}

TEST_F(SwapCacheTest, TheSpaceLetsGoOfFramesAtItsEnd) {
  const SwapSlot slot = allocate();
  const Pfn pfn = frame();
  ASSERT_TRUE(swap_->insert(slot, pfn));
  arena_->put(pfn);
  // TearDown finds no leak.
}

TEST_F(SwapCacheTest, OneReadsAndPublishes) {
  const SwapSlot slot = allocate();
  ASSERT_EQ(swap_->look_up_or_start(slot)->kind, Kind::kStarted);
  EXPECT_TRUE(swap_->is_cached(slot));
  EXPECT_FALSE(swap_->find(slot).has_value());
  EXPECT_FALSE(swap_->try_start(slot));
  const Pfn pfn = frame();
  EXPECT_EQ(swap_->insert(slot, pfn).error(), Errno::kExist);
  EXPECT_TRUE(swap_->finish_read(slot, pfn));
  EXPECT_EQ(refs(pfn), 2);
  const auto found = swap_->look_up_or_start(slot);
  EXPECT_EQ(found->kind, Kind::kCached);
  EXPECT_EQ(found->pfn, pfn);
  EXPECT_EQ(refs(pfn), 3);
  arena_->put(pfn);
  arena_->put(pfn);
}

TEST_F(SwapCacheTest, AFreeSlotIsNotRead) {
  const SwapSlot slot = allocate();
  swap_->free(slot);
  EXPECT_EQ(swap_->look_up_or_start(slot).error(), Errno::kNoEnt);
  EXPECT_FALSE(swap_->try_start(slot));
}

TEST_F(SwapCacheTest, AfterAFailedReadTheNextTries) {
  const SwapSlot slot = allocate();
  ASSERT_TRUE(swap_->look_up_or_start(slot));
  EXPECT_FALSE(swap_->finish_read(slot, fail(Errno::kIo)));
  EXPECT_FALSE(swap_->is_cached(slot));
  EXPECT_EQ(swap_->look_up_or_start(slot)->kind, Kind::kStarted);
  EXPECT_FALSE(swap_->finish_read(slot, fail(Errno::kIo)));
  EXPECT_EQ(swap_->count(slot), 1U);
}

TEST_F(SwapCacheTest, AReadThatNobodyNeedsAnyMoreFreesTheSlot) {
  const SwapSlot slot = allocate();
  ASSERT_TRUE(swap_->look_up_or_start(slot));
  EXPECT_EQ(swap_->free(slot), State::kCached);
  const Pfn pfn = frame();
  EXPECT_FALSE(swap_->finish_read(slot, pfn));
  EXPECT_EQ(refs(pfn), 1);
  EXPECT_EQ(swap_->totals().free, 512U);
  arena_->put(pfn);
}

TEST_F(SwapCacheTest, OthersWaitForTheReader) {
  const SwapSlot slot = allocate();
  ASSERT_EQ(swap_->look_up_or_start(slot)->kind, Kind::kStarted);
  const Pfn pfn = frame();
  std::vector<std::jthread> waiters;
  std::atomic<int> began{0}, got{0};
  for (int i = 0; i < 3; ++i) {
    waiters.emplace_back([&] {
      ++began;
      const auto found = swap_->look_up_or_start(slot);
      if (found->kind == Kind::kCached && found->pfn == pfn) ++got;
      arena_->put(found->pfn);
    });
  }
  while (began != 3) std::this_thread::yield();
  EXPECT_EQ(got, 0);
  EXPECT_TRUE(swap_->finish_read(slot, pfn));
  waiters.clear();
  EXPECT_EQ(got, 3);
  arena_->put(pfn);
}

TEST_F(SwapCacheTest, ShadowsAreKeptWhileThePageIsAway) {
  const SwapSlot slot = allocate();
  const Pfn pfn = frame();
  constexpr std::uint64_t kLargest = (std::uint64_t{1} << 62) - 1;
  EXPECT_EQ(swap_->shadow(slot), 0U);
  ASSERT_TRUE(swap_->insert(slot, pfn));
  swap_->set_shadow(slot, 5);
  EXPECT_EQ(swap_->shadow(slot), 0U);
  EXPECT_TRUE(swap_->erase(slot, pfn, kLargest));
  EXPECT_EQ(swap_->shadow(slot), kLargest);
  swap_->set_shadow(slot, 77);
  const auto read = swap_->look_up_or_start(slot);
  EXPECT_EQ(read->shadow, 77U);
  EXPECT_TRUE(swap_->finish_read(slot, pfn));
  EXPECT_EQ(swap_->shadow(slot), 0U);
  EXPECT_TRUE(swap_->erase(slot, pfn, 1));
  EXPECT_EQ(swap_->free(slot), State::kFree);
  EXPECT_EQ(swap_->shadow(slot), 0U);
  arena_->put(pfn);
}

}  // namespace
}  // namespace gonzo
