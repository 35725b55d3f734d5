#include "unit/mm/contracts.h"

namespace gonzo::test {
namespace {

class BrkTest : public Contracts {
 protected:
  void SetUp() override {
    Contracts::SetUp();
    begin();
  }
  void begin() {
    space_->set_bounds({.start_data = page(0) - 100,
                        .end_data = page(0),
                        .start_brk = page(0) + 16,
                        .brk = page(0) + 16});
  }
  VirtAddr brk(VirtAddr to) { return space_->brk(to); }
};

TEST_F(BrkTest, AsksForTheBreak) {
  EXPECT_EQ(brk(VirtAddr(0)), page(0) + 16);
  EXPECT_EQ(brk(page(0) + 15), page(0) + 16);
  EXPECT_THAT(areas(), IsEmpty());
}

TEST_F(BrkTest, GrowsOneAreaAndAllocatesNothing) {
  EXPECT_EQ(brk(page(1) + 1), page(1) + 1);
  EXPECT_THAT(areas(), ElementsAre("1-2 rw-p"));
  EXPECT_EQ(brk(page(2)), page(2));
  EXPECT_THAT(areas(), ElementsAre("1-2 rw-p"));
  EXPECT_EQ(brk(page(9) + 5), page(9) + 5);
  EXPECT_THAT(areas(), ElementsAre("1-10 rw-p"));
  EXPECT_EQ(space_->counts().rss(), 0U);
  EXPECT_EQ(space_->counts().data, 9U);
}

TEST_F(BrkTest, StaysApartFromTheProgramsOwnBss) {
  map(1);
  brk(page(3));
  EXPECT_THAT(areas(), ElementsAre("0-1 rw-p", "1-3 rw-p"));
}

TEST_F(BrkTest, ShrinksAndZeroesWhatComesBack) {
  brk(page(6));
  poke(page(4), 4);
  EXPECT_EQ(brk(page(2) + 1), page(2) + 1);
  EXPECT_THAT(areas(), ElementsAre("1-3 rw-p"));
  EXPECT_EQ(space_->counts().rss(), 0U);
  brk(page(6));
  EXPECT_EQ(peek(page(4)), 0);
}

TEST_F(BrkTest, KeepsAPageBelowTheNextArea) {
  map(1, kReadWrite, kPrivate, 10);
  EXPECT_EQ(brk(page(10)), page(0) + 16);
  EXPECT_EQ(brk(page(9) + 1), page(0) + 16);
  EXPECT_EQ(brk(page(9)), page(9));
}

TEST_F(BrkTest, KeepsTheGuardBelowAStack) {
  map(1, kReadWrite, kPrivate | MAP_GROWSDOWN, 300);
  EXPECT_EQ(brk(page(44)), page(0) + 16);
  EXPECT_EQ(brk(page(43)), page(43));
}

TEST_F(BrkTest, DataLimitCountsFromTheStartOfData) {
  limit(&AddressSpaceLimits::data, 100 + 4 * kPageSize);
  EXPECT_EQ(brk(page(4) + 17), page(0) + 16);
  EXPECT_EQ(brk(page(4) + 16), page(4) + 16);
}

TEST_F(BrkTest, AddressSpaceLimit) {
  limit(&AddressSpaceLimits::address_space, 4 * kPageSize);
  EXPECT_EQ(brk(page(6)), page(0) + 16);
  EXPECT_EQ(brk(page(5)), page(5));
}

TEST_F(BrkTest, AbsurdRequests) {
  EXPECT_EQ(brk(VirtAddr(~0ULL)), page(0) + 16);
  EXPECT_EQ(brk(VirtAddr(0x7fff'ffff'f000)), page(0) + 16);
  EXPECT_EQ(brk(page(0) + 100 * kMiB), page(0) + 16);
}

TEST_F(BrkTest, AHoleWhereTheHeapWas) {
  brk(page(6));
  unmap(0, 6);
  EXPECT_EQ(brk(page(2)), page(6));
}

TEST_F(BrkTest, StaysOutOfTheReservedRange) {
  start({.space = {.reserved = {page(5), page(6)}}});
  begin();
  EXPECT_EQ(brk(page(6)), page(0) + 16);
  EXPECT_EQ(brk(page(5)), page(5));
}

}  // namespace
}  // namespace gonzo::test
