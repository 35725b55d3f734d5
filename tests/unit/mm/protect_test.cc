#include "unit/mm/contracts.h"

namespace gonzo::test {
namespace {

class ProtectTest : public Contracts {};

TEST_F(ProtectTest, Arguments) {
  map(1);
  EXPECT_EQ(error(space_->protect(kBase + 1, kPageSize, PROT_READ)), Errno::kInval);
  EXPECT_EQ(protect(0, 1, 0x10), Errno::kInval);
  EXPECT_EQ(protect(0, 0, 0x10), Errno{});
  EXPECT_EQ(protect(0, 1, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP), Errno::kInval);
  EXPECT_EQ(error(space_->protect(kBase, ~0ULL, PROT_READ)), Errno::kNoMem);
  EXPECT_EQ(protect(0, 1, PROT_READ | 0x8), Errno{});  // PROT_SEM
  EXPECT_EQ(protect(1, 1, PROT_READ), Errno::kNoMem);
}

TEST_F(ProtectTest, SplitsAndMergesBack) {
  map(6);
  EXPECT_EQ(protect(2, 2, PROT_READ), Errno{});
  EXPECT_THAT(areas(), ElementsAre("0-2 rw-p", "2-4 r--p", "4-6 rw-p"));
  EXPECT_EQ(protect(2, 2, kReadWrite), Errno{});
  EXPECT_THAT(areas(), ElementsAre("0-6 rw-p"));
}

TEST_F(ProtectTest, ABoundaryMovesInsteadOfASplit) {
  map(6);
  protect(0, 3, PROT_READ);
  protect(3, 1, PROT_READ);
  EXPECT_THAT(areas(), ElementsAre("0-4 r--p", "4-6 rw-p"));
  protect(2, 2, kReadWrite);
  EXPECT_THAT(areas(), ElementsAre("0-2 r--p", "2-6 rw-p"));
  EXPECT_EQ(space_->area_at(page(2))->attributes.page_offset, page(2).page_number());
}

TEST_F(ProtectTest, UpToTheHole) {
  map(2);
  map(2, kReadWrite, kPrivate, 3);
  EXPECT_EQ(protect(1, 4, PROT_READ), Errno::kNoMem);
  EXPECT_THAT(areas(), ElementsAre("0-1 rw-p", "1-2 r--p", "3-5 rw-p"));
}

TEST_F(ProtectTest, UpToWhatMayNotBeWritten) {
  make_object(4);
  map(1, PROT_READ);
  must_map({.hint = page(1),
            .length = kPageSize,
            .protection = PROT_READ,
            .flags = MAP_SHARED | MAP_FIXED,
            .object = object_,
            .object_writable = false});
  EXPECT_EQ(protect(0, 2, kReadWrite), Errno::kAcces);
  EXPECT_THAT(areas(), ElementsAre("0-1 rw-p", "1-2 r--s"));
}

TEST_F(ProtectTest, GrowsDownReachesToTheStart) {
  map(10, kReadWrite, kPrivate | MAP_GROWSDOWN);
  EXPECT_EQ(protect(4, 1, PROT_READ | PROT_GROWSUP), Errno::kInval);
  EXPECT_EQ(protect(4, 1, PROT_READ | PROT_GROWSDOWN), Errno{});
  EXPECT_THAT(areas(), ElementsAre("0-5 r--p", "5-10 rw-p"));
  map(1, kReadWrite, kPrivate, 20);
  EXPECT_EQ(protect(20, 1, PROT_READ | PROT_GROWSDOWN), Errno::kInval);
  EXPECT_EQ(protect(18, 1, PROT_READ | PROT_GROWSDOWN), Errno::kNoMem);
}

TEST_F(ProtectTest, ChangesWhatIsThere) {
  map(2);
  poke(page(0), 3);
  protect(0, 2, PROT_READ);
  EXPECT_EQ(peek(page(0)), 3);
  EXPECT_EQ(write_fault(page(0)), FaultOutcome::kNoAccess);
  protect(0, 2, PROT_NONE);
  EXPECT_EQ(read_fault(page(0)), FaultOutcome::kNoAccess);
  protect(0, 2, kReadWrite);
  EXPECT_EQ(peek(page(0)), 3);
}

TEST_F(ProtectTest, DataLimitWhenMemoryBecomesWritable) {
  map(2);
  map(2, PROT_READ, kPrivate, 4);
  limit(&AddressSpaceLimits::data, 2 * kPageSize);
  EXPECT_EQ(protect(4, 1, kReadWrite), Errno::kNoMem);
  EXPECT_EQ(protect(0, 2, PROT_READ), Errno{});
  EXPECT_EQ(protect(4, 1, kReadWrite), Errno{});
  EXPECT_EQ(space_->counts().data, 1U);
}

TEST_F(ProtectTest, SplitAtTheLimitOfAreas) {
  start({.manager = {.max_map_count = 2}});
  map(6);
  EXPECT_EQ(protect(2, 2, PROT_READ), Errno::kNoMem);
  // Linux leaves the first of two splits.
  EXPECT_THAT(areas(), ElementsAre("0-2 rw-p", "2-6 rw-p"));
  EXPECT_EQ(protect(2, 4, PROT_READ), Errno{});
  EXPECT_THAT(areas(), ElementsAre("0-2 rw-p", "2-6 r--p"));
}

}  // namespace
}  // namespace gonzo::test
