#include "unit/mm/contracts.h"

namespace gonzo::test {
namespace {

class UnmapTest : public Contracts {};

TEST_F(UnmapTest, Arguments) {
  const VirtAddr end(0x7fff'ffff'f000);
  EXPECT_EQ(error(space_->unmap(kBase + 1, kPageSize)), Errno::kInval);
  EXPECT_EQ(error(space_->unmap(kBase, 0)), Errno::kInval);
  EXPECT_EQ(error(space_->unmap(kBase, ~0ULL)), Errno::kInval);
  EXPECT_EQ(error(space_->unmap(end, kPageSize)), Errno::kInval);
  EXPECT_EQ(error(space_->unmap(end - kPageSize, 2 * kPageSize)), Errno::kInval);
  EXPECT_EQ(error(space_->unmap(VirtAddr(0), end.value)), Errno{});
}

TEST_F(UnmapTest, PiecesOfAnArea) {
  map(10);
  unmap(0, 1);
  unmap(9, 1);
  unmap(4, 2);
  EXPECT_THAT(areas(), ElementsAre("1-4 rw-p", "6-9 rw-p"));
  EXPECT_EQ(space_->counts().total, 6U);
}

TEST_F(UnmapTest, HolesAndSeveralAreas) {
  map(2);
  map(2, PROT_READ, kPrivate, 4);
  map(2, kReadWrite, kPrivate, 8);
  EXPECT_EQ(unmap(1, 8), Errno{});
  EXPECT_THAT(areas(), ElementsAre("0-1 rw-p", "9-10 rw-p"));
  EXPECT_EQ(unmap(2, 3), Errno{});
}

TEST_F(UnmapTest, FramesAndTablesAreFreed) {
  const std::uint64_t tables = space_->counts().table_frames;
  map(2000);
  for (std::uint64_t i = 0; i < 2000; ++i) poke(page(i), 1);
  EXPECT_GT(space_->counts().table_frames, tables);
  unmap(0, 2000);
  EXPECT_EQ(space_->counts().rss(), 0U);
  EXPECT_EQ(space_->counts().table_frames, tables);
}

TEST_F(UnmapTest, TheMachineIsToldBeforeAFrameIsFree) {
  map(3);
  poke(page(1), 1);
  cache_.calls.clear();
  unmap(0, 3);
  ASSERT_FALSE(cache_.calls.empty());
  EXPECT_TRUE(cache_.calls.front().first.contains(page(1)));
  EXPECT_EQ(cache_.calls.front().second, Stricter::kGone);
}

TEST_F(UnmapTest, TheMiddleOfAnAreaAtTheLimitOfAreas) {
  start({.manager = {.max_map_count = 2}});
  map(6);
  map(1, kReadWrite, kPrivate, 10);
  poke(page(3), 9);
  EXPECT_EQ(unmap(2, 2), Errno::kNoMem);
  EXPECT_EQ(peek(page(3)), 9);
  EXPECT_EQ(unmap(0, 1), Errno{});
  EXPECT_EQ(unmap(5, 20), Errno{});
  EXPECT_EQ(unmap(2, 2), Errno{});
  EXPECT_THAT(areas(), ElementsAre("1-2 rw-p", "4-5 rw-p"));
}

}  // namespace
}  // namespace gonzo::test
