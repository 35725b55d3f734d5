// Growing stacks.
#include "unit/mm/guest.h"

namespace gonzo::test {
namespace {

constexpr int kReadWrite = PROT_READ | PROT_WRITE;

class StackTest : public Guest {
 protected:
  static constexpr std::uint64_t kTop = 8192;  ///< in pages from kBase

  void SetUp() override {
    Guest::SetUp();
    make_stack();
  }
  void make_stack() { ASSERT_TRUE(space_->map_stack(page(kTop), 4 * kPageSize, false)); }
  VirtAddr start() { return space_->area_at(page(kTop) - 1)->range.start; }
  using Guest::start;
};

TEST_F(StackTest, GrowsToThePageThatWasTouched) {
  const auto before = space_->counts();
  EXPECT_EQ(write_fault(page(kTop - 100) + 8), FaultOutcome::kMinor);
  EXPECT_EQ(start(), page(kTop - 100));
  EXPECT_EQ(space_->counts().total, before.total + 96);
  EXPECT_EQ(space_->counts().stack, before.stack + 96);
  EXPECT_EQ(space_->counts().rss_anon, 1U);
  EXPECT_EQ(read_fault(page(kTop - 50)), FaultOutcome::kMinor);
  EXPECT_EQ(read_fault(page(kTop - 101)), FaultOutcome::kMinor);
  EXPECT_EQ(frame(page(kTop - 100)).index,
            space_->area_at(page(kTop - 100))->attributes.page_offset + 1)
      << "page numbers stay with their pages";
}

TEST_F(StackTest, StopsAtTheLimit) {
  AddressSpaceLimits limits = space_->limits();
  limits.stack = 64 * kPageSize;
  space_->set_limits(limits);
  EXPECT_EQ(write_fault(page(kTop - 65)), FaultOutcome::kNoMapping);
  EXPECT_EQ(start(), page(kTop - 4));
  EXPECT_EQ(write_fault(page(kTop - 64)), FaultOutcome::kMinor);
}

TEST_F(StackTest, StopsAtTheAddressSpaceLimit) {
  AddressSpaceLimits limits = space_->limits();
  limits.address_space = 10 * kPageSize;
  space_->set_limits(limits);
  EXPECT_EQ(write_fault(page(kTop - 11)), FaultOutcome::kNoMapping);
  EXPECT_EQ(write_fault(page(kTop - 10)), FaultOutcome::kMinor);
}

TEST_F(StackTest, KeepsTheGuardGapToTheAreaBelow) {
  map(4, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, kTop - 600);  // ends at kTop - 596
  EXPECT_EQ(write_fault(page(kTop - 596 + 255)), FaultOutcome::kNoMapping);
  EXPECT_EQ(write_fault(page(kTop - 596 + 256)), FaultOutcome::kMinor);
}

TEST_F(StackTest, NoGapAboveWhatCannotBeAccessedAnyway) {
  map(4, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, kTop - 600);
  EXPECT_EQ(write_fault(page(kTop - 596)), FaultOutcome::kMinor);
  EXPECT_EQ(write_fault(page(kTop - 597)), FaultOutcome::kNoAccess);
}

TEST_F(StackTest, OtherAreasDoNotGrow) {
  map(4, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, 16);
  EXPECT_EQ(write_fault(page(15)), FaultOutcome::kNoMapping);
}

TEST_F(StackTest, ExecuteFaultGrowsAndIsRefused) {
  EXPECT_EQ(space_->fault(page(kTop - 10), Access::kExecute), FaultOutcome::kNoAccess);
  EXPECT_EQ(start(), page(kTop - 10)) << "as on Linux, the area grows before access is checked";
}

TEST_F(StackTest, NeverBelowTheLowestAddress) {
  stop();
  Guest::start({.manager = {.mmap_min_addr = kBase.value}});
  make_stack();
  AddressSpaceLimits limits = space_->limits();
  limits.stack = ~0ULL;
  space_->set_limits(limits);
  EXPECT_EQ(write_fault(kBase - 1), FaultOutcome::kNoMapping);
  EXPECT_EQ(write_fault(kBase), FaultOutcome::kMinor);
}

TEST_F(StackTest, NeverIntoTheReservedRange) {
  stop();
  Guest::start({.space = {.reserved = {page(kTop - 40), page(kTop - 20)}}});
  make_stack();
  EXPECT_EQ(write_fault(page(kTop - 21)), FaultOutcome::kNoMapping);
  EXPECT_EQ(write_fault(page(kTop - 20)), FaultOutcome::kMinor);
}

}  // namespace
}  // namespace gonzo::test
