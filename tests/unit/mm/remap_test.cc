#include "unit/mm/contracts.h"

namespace gonzo::test {
namespace {

class RemapTest : public Contracts {
 protected:
  Errno remap_error(std::uint64_t first, std::uint64_t old_pages, std::uint64_t new_pages,
                    int flags, std::uint64_t to = 0) {
    return error(remap(first, old_pages, new_pages, flags, to));
  }
  static constexpr int kMove = MREMAP_MAYMOVE;
  static constexpr int kFixed = MREMAP_MAYMOVE | MREMAP_FIXED;
  static constexpr int kKeep = MREMAP_MAYMOVE | MREMAP_DONTUNMAP;
};

TEST_F(RemapTest, Arguments) {
  map(4);
  EXPECT_EQ(remap_error(0, 1, 1, 8), Errno::kInval);
  EXPECT_EQ(error(space_->remap(kBase + 1, kPageSize, kPageSize, 0, {})), Errno::kInval);
  EXPECT_EQ(remap_error(0, 1, 0, 0), Errno::kInval);
  EXPECT_EQ(remap_error(0, 1, 1ULL << 40, 0), Errno::kInval);
  EXPECT_EQ(remap_error(0, 1, 1, MREMAP_FIXED, 20), Errno::kInval);
  EXPECT_EQ(remap_error(0, 1, 2, kKeep, 20), Errno::kInval);
  EXPECT_EQ(remap_error(0, 2, 2, kFixed, 1), Errno::kInval);
  EXPECT_EQ(error(space_->remap(kBase, kPageSize, kPageSize, kFixed, page(20) + 1)), Errno::kInval);
  EXPECT_EQ(error(space_->remap(kBase, kPageSize, kPageSize, kFixed, VirtAddr(~0ULL << 12))),
            Errno::kInval);
  EXPECT_EQ(remap_error(10, 1, 2, kMove), Errno::kFault);
  EXPECT_EQ(remap_error(2, 4, 5, kMove), Errno::kFault);
  EXPECT_EQ(remap_error(0, 0, 1, kMove), Errno::kInval);
}

TEST_F(RemapTest, SameSizeStaysAndShrinkCuts) {
  map(6);
  poke(page(5), 1);
  EXPECT_EQ(remap(0, 6, 6, 0).value(), page(0));
  EXPECT_EQ(remap(0, 6, 2, 0).value(), page(0));
  EXPECT_THAT(areas(), ElementsAre("0-2 rw-p"));
  EXPECT_EQ(space_->counts().rss(), 0U);
}

TEST_F(RemapTest, ShrinkMayCrossAreas) {
  map(2);
  map(2, PROT_READ, kPrivate, 2);
  EXPECT_EQ(remap(0, 4, 1, 0).value(), page(0));
  EXPECT_THAT(areas(), ElementsAre("0-1 rw-p"));
}

TEST_F(RemapTest, GrowsInPlaceAndJoinsWhatItMeets) {
  map(2);
  map(2, kReadWrite, kPrivate, 5);
  EXPECT_EQ(remap_error(0, 2, 6, 0), Errno::kNoMem);
  EXPECT_EQ(remap(0, 2, 5, 0).value(), page(0));
  EXPECT_THAT(areas(), ElementsAre("0-7 rw-p"));
  EXPECT_EQ(space_->counts().total, 7U);
}

TEST_F(RemapTest, OnlyTheEndOfAnAreaGrows) {
  map(4);
  EXPECT_EQ(remap_error(0, 2, 6, 0), Errno::kNoMem);
  EXPECT_EQ(remap(2, 2, 4, 0).value(), page(2));
  EXPECT_THAT(areas(), ElementsAre("0-6 rw-p"));
}

TEST_F(RemapTest, MovesWithItsContents) {
  map(2);
  map(1, PROT_READ, kPrivate, 2);
  poke(page(0), 10);
  poke(page(1), 11);
  const VirtAddr moved = remap(0, 2, 3, kMove).value();
  EXPECT_EQ(moved, VirtAddr(0x7fff'f7ff'f000) - 3 * kPageSize);
  EXPECT_EQ(peek(moved), 10);
  EXPECT_EQ(peek(moved + kPageSize), 11);
  EXPECT_EQ(peek(moved + 2 * kPageSize), 0);
  EXPECT_EQ(read_fault(page(0)), FaultOutcome::kNoMapping);
  EXPECT_EQ(space_->counts().total, 4U);
}

TEST_F(RemapTest, FixedReplacesTheTarget) {
  map(3);
  map(6, PROT_READ, kPrivate, 10);
  poke(page(1), 7);
  EXPECT_EQ(remap(1, 1, 1, kFixed, 12).value(), page(12));
  EXPECT_THAT(areas(),
              ElementsAre("0-1 rw-p", "2-3 rw-p", "10-12 r--p", "12-13 rw-p", "13-16 r--p"));
  EXPECT_EQ(peek(page(12)), 7);
}

TEST_F(RemapTest, FixedMayShrinkAndGrow) {
  map(4);
  poke(page(0), 5);
  EXPECT_EQ(remap(0, 4, 2, kFixed, 10).value(), page(10));
  EXPECT_THAT(areas(), ElementsAre("10-12 rw-p"));
  EXPECT_EQ(remap(10, 2, 5, kFixed, 20).value(), page(20));
  EXPECT_THAT(areas(), ElementsAre("20-25 rw-p"));
  EXPECT_EQ(peek(page(20)), 5);
}

// Since Linux 6.17.
TEST_F(RemapTest, FixedTakesSeveralAreasAndTheirHoles) {
  map(2);
  map(1, PROT_READ, kPrivate, 3);
  poke(page(1), 1);
  EXPECT_EQ(remap(1, 3, 3, kFixed, 11).value(), page(11));
  EXPECT_THAT(areas(), ElementsAre("0-1 rw-p", "11-12 rw-p", "13-14 r--p"));
  EXPECT_EQ(peek(page(11)), 1);
  EXPECT_EQ(remap_error(10, 2, 2, kFixed, 20), Errno::kFault);
  EXPECT_EQ(remap_error(30, 2, 2, kFixed, 20), Errno::kFault);
}

TEST_F(RemapTest, DontUnmapLeavesAnEmptyArea) {
  map(2);
  poke(page(0), 3);
  // The target is a hint here.
  EXPECT_EQ(remap_error(0, 2, 2, kKeep, 1), Errno::kInval);
  const VirtAddr moved = remap(0, 2, 2, kKeep, 50).value();
  EXPECT_EQ(moved, page(50));
  EXPECT_EQ(peek(moved), 3);
  EXPECT_EQ(peek(page(0)), 0);
  EXPECT_EQ(space_->counts().total, 4U);
}

TEST_F(RemapTest, OldLengthZeroCopiesSharedMemory) {
  map(2, kReadWrite, kSharedAnonymous);
  poke(page(1), 9);
  EXPECT_EQ(remap_error(0, 0, 2, 0), Errno::kNoMem);
  const VirtAddr copy = remap(0, 0, 2, kMove).value();
  EXPECT_EQ(peek(copy + kPageSize), 9);
  poke(copy, 4);
  EXPECT_EQ(peek(page(0)), 4);
}

TEST_F(RemapTest, UntouchedMemoryTakesItsNewPlacesNumber) {
  map(1);
  map(1, kReadWrite, kPrivate, 10);
  remap(0, 1, 1, kFixed, 11);
  EXPECT_THAT(areas(), ElementsAre("10-12 rw-p"));
  map(1);
  poke(page(0), 1);
  remap(0, 1, 1, kFixed, 12);
  EXPECT_THAT(areas(), ElementsAre("10-12 rw-p", "12-13 rw-p"));
}

TEST_F(RemapTest, Limits) {
  map(2);
  limit(&AddressSpaceLimits::address_space, 4 * kPageSize);
  EXPECT_EQ(remap_error(0, 2, 5, kMove), Errno::kNoMem);
  EXPECT_EQ(remap_error(0, 2, 4, 0), Errno{});
  EXPECT_EQ(remap_error(0, 4, 4, kKeep, 100), Errno::kNoMem);
  start({.manager = {.max_map_count = 6}});
  map(2);
  EXPECT_EQ(remap_error(0, 2, 2, kFixed, 10), Errno::kNoMem);
}

TEST_F(RemapTest, SpecialAreasDoNotGrow) {
  const std::uint64_t flags = vm_flags::kRead | vm_flags::kMayRead;
  const SpecialArea area{1, flags, nullptr, "[x]"};
  ASSERT_TRUE(space_->map_special(page(0), {&area, 1}));
  EXPECT_EQ(remap_error(0, 1, 2, kMove), Errno::kFault);
  EXPECT_EQ(remap_error(0, 1, 1, kKeep, 10), Errno::kInval);
  EXPECT_EQ(remap_error(0, 1, 1, kFixed, 10), Errno{});
}

TEST_F(RemapTest, NoFrameForATableChangesNothing) {
  map(1);
  poke(page(0), 6);
  map(1, PROT_READ, kPrivate, 1);
  frames_->fail_nth(1);
  EXPECT_EQ(remap_error(0, 1, 3, kMove), Errno::kNoMem);
  EXPECT_THAT(areas(), ElementsAre("0-1 rw-p", "1-2 r--p"));
  EXPECT_EQ(peek(page(0)), 6);
}

}  // namespace
}  // namespace gonzo::test
