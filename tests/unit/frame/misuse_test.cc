// Each way to use frames against the rules ends the run, with the frame named.
#include <gtest/gtest.h>

#include "unit/frame/arena.h"

namespace gonzo {
namespace {

using test::Arena;

constexpr auto kAnon = FrameState::kAnonymous;
constexpr auto kAny = ZeroPolicy::kDontCare;

class FrameMisuseDeathTest : public testing::Test {
 protected:
  Arena arena_{4096};
  Pfn frame_ = arena_->allocate(0, kAnon, kAny).value();
  Pfn block_ = arena_->allocate(3, kAnon, kAny).value();
};

TEST_F(FrameMisuseDeathTest, DoubleFree) {
  arena_->free(frame_, 0);
  EXPECT_DEATH(arena_->free(frame_, 0), "freed twice, or never allocated: frame 1 ");
  arena_->free(block_, 3);
  EXPECT_DEATH(arena_->free(block_, 3), "freed twice");
}

TEST_F(FrameMisuseDeathTest, DoubleFreeOfAMergedFrame) {
  const Pfn pair = arena_->allocate_split(1, kAnon, kAny).value();
  arena_->put(pair);
  arena_->put(pair + 1);
  arena_->drain();
  EXPECT_DEATH(arena_->free(pair, 0), "freed twice");
  EXPECT_DEATH(arena_->free(pair + 1, 0), "freed twice");
}

TEST_F(FrameMisuseDeathTest, FreeOfWhatWasNeverAllocated) {
  EXPECT_DEATH(arena_->free(Pfn(4000), 0), "never allocated: frame 4000 .virgin");
  EXPECT_DEATH(arena_->free(Pfn(0), 0), "frame 0 freed");
  EXPECT_DEATH(arena_->free(Pfn(5000), 0), "internal error");
  EXPECT_DEATH(arena_->free(Pfn::none(), 0), "internal error");
}

TEST_F(FrameMisuseDeathTest, WrongOrder) {
  EXPECT_DEATH(arena_->free(block_, 2), "another order");
  EXPECT_DEATH(arena_->free(block_, 4), "another order");
  EXPECT_DEATH(arena_->free(block_, 0), "another order");
  EXPECT_DEATH(arena_->free(frame_, 1), "another order");
}

TEST_F(FrameMisuseDeathTest, FrameInsideABlock) {
  EXPECT_DEATH(arena_->free(block_ + 1, 0), "inside a block");
  EXPECT_DEATH(arena_->free(block_ + 4, 2), "inside a block");
  EXPECT_DEATH(arena_->put(block_ + 1), "nobody held");
}

TEST_F(FrameMisuseDeathTest, LiveReferences) {
  arena_->get(frame_);
  EXPECT_DEATH(arena_->free(frame_, 0), "referenced: frame 1 .anonymous, order 0, refs 2");
}

TEST_F(FrameMisuseDeathTest, LiveMappings) {
  arena_->frame(frame_).maps = 1;
  EXPECT_DEATH(arena_->put(frame_), "mapped");
  EXPECT_DEATH(arena_->free(frame_, 0), "mapped");
}

TEST_F(FrameMisuseDeathTest, ReferenceDroppedTooOften) {
  arena_->put(frame_);
  EXPECT_DEATH(arena_->put(frame_), "nobody held");
}

TEST_F(FrameMisuseDeathTest, StatesThatAreNoUse) {
  EXPECT_DEATH((void)arena_->allocate(0, FrameState::kFree, kAny), "internal error");
  EXPECT_DEATH((void)arena_->allocate(kMaxOrder + 1, kAnon, kAny), "internal error");
}

#ifndef NDEBUG
TEST_F(FrameMisuseDeathTest, WriteAfterFree) {
  for (std::uint64_t at : {std::uint64_t{0}, std::uint64_t{1}, kPageSize / 2, kPageSize - 1}) {
    Arena arena(64);
    const Pfn pfn = arena->allocate(0, kAnon, kAny).value();
    std::byte* page = arena->address(pfn);
    arena->put(pfn);
    page[at] ^= std::byte{1};
    EXPECT_DEATH((void)arena->allocate(0, kAnon, kAny), "written to while free: frame 1 ");
  }
}

TEST_F(FrameMisuseDeathTest, WriteAfterFreeOfABlock) {
  arena_->free(block_, 3);
  std::memset(arena_->address(block_ + 5), 0, kPageSize);
  EXPECT_DEATH((void)arena_->allocate(3, kAnon, kAny), "written to while free");
}

TEST_F(FrameMisuseDeathTest, WriteToVirginMemory) {
  arena_->address(Pfn(1024 + 77))[5] = std::byte{1};
  EXPECT_DEATH((void)arena_->allocate(10, kAnon, kAny), "written to while free: frame 1101");
}

TEST_F(FrameMisuseDeathTest, ReferenceToAFreeFrame) {
  arena_->put(frame_);
  EXPECT_DEATH(arena_->get(frame_), "internal error");
}
#endif

}  // namespace
}  // namespace gonzo
