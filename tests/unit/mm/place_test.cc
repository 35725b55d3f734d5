#include "unit/mm/contracts.h"

namespace gonzo::test {
namespace {

class PlaceTest : public Contracts {
 protected:
  VirtAddr anywhere(std::uint64_t pages, int more_flags = 0, VirtAddr hint = {},
                    int protection = PROT_NONE) {
    return must_map({.hint = hint,
                     .length = pages * kPageSize,
                     .protection = protection,
                     .flags = kPrivate | more_flags});
  }
  VirtAddr base_with_stack(std::uint64_t limit, PagingFormat format = PagingFormat::kFourLevel) {
    start({.space = {.format = format, .limits = {.stack = limit}}});
    return anywhere(1) + kPageSize;
  }
};

// As `setarch -R cat /proc/self/maps` shows the end of the topmost mapping under Linux 6.18.
TEST_F(PlaceTest, TopOfTheMappings) {
  EXPECT_EQ(base_with_stack(8 * kMiB), VirtAddr(0x7fff'f7ff'f000));
  EXPECT_EQ(base_with_stack(1000000ULL << 10), VirtAddr(0x7fff'c2e6'f000));
  EXPECT_EQ(base_with_stack(~0ULL), VirtAddr(0x1555'5555'6000));
}

TEST_F(PlaceTest, ThreeGigabytesOnThe32BitFormats) {
  EXPECT_EQ(base_with_stack(8 * kMiB, PagingFormat::kClassic32), VirtAddr(0xb800'0000));
  EXPECT_EQ(base_with_stack(8 * kMiB, PagingFormat::kPae), VirtAddr(0xb800'0000));
  EXPECT_EQ(map_error({.length = 3ULL << 30, .flags = kPrivate}), Errno::kNoMem);
}

TEST_F(PlaceTest, TopDownEachBelowTheLast) {
  const VirtAddr first = anywhere(4);
  const VirtAddr second = anywhere(2);
  EXPECT_EQ(second, first - 2 * kPageSize);
  ASSERT_TRUE(space_->unmap(first, 4 * kPageSize));
  EXPECT_EQ(anywhere(3), first + kPageSize);
  EXPECT_EQ(anywhere(1), first);
}

TEST_F(PlaceTest, HintsAreTakenWhenFree) {
  EXPECT_EQ(anywhere(1, 0, page(3)), page(3));
  EXPECT_EQ(anywhere(1, 0, page(5) + 123), page(5));
  EXPECT_NE(anywhere(1, 0, page(3)), page(3));
  EXPECT_NE(anywhere(3, 0, page(1)), page(1));
}

TEST_F(PlaceTest, HintsBelowTheMinimumAreRaised) {
  const VirtAddr top = anywhere(1);
  EXPECT_EQ(anywhere(1, 0, VirtAddr(1)), top - kPageSize);
  EXPECT_EQ(anywhere(1, 0, VirtAddr(4097)), VirtAddr(0x10000));
}

TEST_F(PlaceTest, HintsPastTheEndAreIgnored) {
  const VirtAddr top = anywhere(1);
  EXPECT_EQ(anywhere(2, 0, VirtAddr(0x7fff'ffff'e000)), top - 2 * kPageSize);
  EXPECT_EQ(anywhere(2, 0, VirtAddr(0x7fff'ffff'f000)), top - 4 * kPageSize);
}

TEST_F(PlaceTest, KeepsTheGuardBelowAStack) {
  map(10, kReadWrite, kPrivate | MAP_GROWSDOWN, 1000);
  EXPECT_NE(anywhere(1, 0, page(900)), page(900));
  EXPECT_EQ(anywhere(1, 0, page(743)), page(743));
  // Above a stack there is none.
  EXPECT_EQ(anywhere(1, 0, page(1010)), page(1010));
}

TEST_F(PlaceTest, Low2GigabytesFor32Bit) {
  EXPECT_EQ(anywhere(1, MAP_32BIT), VirtAddr(0x4000'0000));
  EXPECT_EQ(anywhere(1, MAP_32BIT, VirtAddr(0x2000'0000'0000)), VirtAddr(0x4000'1000));
  EXPECT_EQ(anywhere(1, MAP_32BIT, VirtAddr(0x3000'0000)), VirtAddr(0x3000'0000));
}

TEST_F(PlaceTest, FallsBackToTheRoomAboveTheBase) {
  start({.space = {.format = PagingFormat::kClassic32}});
  // All below the base is taken: a third of the space up, the search goes on to its end.
  anywhere(((0xb8000000ULL - 65536) >> kPageShift), 0, VirtAddr(65536));
  EXPECT_EQ(anywhere(1), VirtAddr(0xb800'0000));
  EXPECT_EQ(map_error({.length = 200 * kMiB, .flags = kPrivate}), Errno::kNoMem);
}

TEST_F(PlaceTest, StepsOverTheReservedRange) {
  const VirtAddr base(0x7fff'f7ff'f000);
  start({.space = {.reserved = {base - 8 * kPageSize, base - 4 * kPageSize}}});
  EXPECT_EQ(anywhere(6), base - 14 * kPageSize);
  EXPECT_EQ(anywhere(4), base - 4 * kPageSize);
  EXPECT_EQ(anywhere(1), base - 15 * kPageSize);
}

/// What Linux does, though the gap as a whole would do.
TEST_F(PlaceTest, GoesOnBelowAGuardEvenInAnotherGap) {
  const VirtAddr base(0x7fff'f7ff'f000);
  start({.manager = {.stack_guard_gap = 8}});
  const auto put = [this](VirtAddr at, std::uint64_t pages, int flags) {
    return space_->map({.hint = at,
                        .length = pages * kPageSize,
                        .protection = PROT_READ,
                        .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | flags});
  };
  ASSERT_TRUE(put(base - 2 * kPageSize, 2, MAP_GROWSDOWN));
  ASSERT_TRUE(put(base - 8 * kPageSize, 2, 0));
  // The guard of the first ends at 10 pages below the base, in the gap below the second.
  EXPECT_EQ(anywhere(4), base - 14 * kPageSize);
}

}  // namespace
}  // namespace gonzo::test
