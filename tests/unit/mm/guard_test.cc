#include "unit/mm/contracts.h"

namespace gonzo::test {
namespace {

constexpr int kInstall = 102, kRemove = 103;

class GuardTest : public Contracts {};

TEST_F(GuardTest, TakesThePageAndRefusesAccess) {
  map(4);
  for (std::uint64_t i = 0; i < 4; ++i) poke(page(i), 7);
  EXPECT_EQ(advise(1, 2, kInstall), Errno{});
  EXPECT_EQ(space_->counts().rss_anon, 2U);
  EXPECT_TRUE(entry(page(1)).is_guard());
  EXPECT_EQ(read_fault(page(1)), FaultOutcome::kNoMapping);
  EXPECT_EQ(write_fault(page(2)), FaultOutcome::kNoMapping);
  EXPECT_EQ(peek(page(3)), 7);
  std::uint8_t resident = 1;
  EXPECT_TRUE(space_->incore(page(1), kPageSize, std::span(&resident, 1)));
  EXPECT_EQ(resident, 0);
  EXPECT_EQ(advise(0, 4, kRemove), Errno{});
  EXPECT_EQ(peek(page(1)), 0);
  EXPECT_EQ(peek(page(0)), 7);
}

TEST_F(GuardTest, OutlivesWhatTakesContentsButNotTheArea) {
  map(2);
  EXPECT_EQ(advise(0, 1, kInstall), Errno{});
  EXPECT_EQ(advise(0, 2, MADV_DONTNEED), Errno{});
  EXPECT_EQ(read_fault(page(0)), FaultOutcome::kNoMapping);
  EXPECT_EQ(advise(0, 1, MADV_POPULATE_WRITE), Errno::kFault);
  map(2);
  EXPECT_EQ(peek(page(0)), 0);
}

TEST_F(GuardTest, ProtectionIsAskedFirst) {
  map(1);
  EXPECT_EQ(advise(0, 1, kInstall), Errno{});
  EXPECT_EQ(protect(0, 1, PROT_NONE), Errno{});
  EXPECT_EQ(read_fault(page(0)), FaultOutcome::kNoAccess);
}

TEST_F(GuardTest, TheMarkSpreadsWithMergesAndIsNoReasonAgainstOne) {
  map(2);
  EXPECT_EQ(advise(0, 1, kInstall), Errno{});
  map(2, kReadWrite, kPrivate, 2);
  EXPECT_THAT(areas(), ElementsAre("0-4 rw-p"));
  EXPECT_TRUE(space_->area_at(page(3))->attributes.flags & vm_flags::kMaybeGuard);
}

TEST_F(GuardTest, MovesAndIsInherited) {
  map(2, kReadWrite, kSharedAnonymous);
  EXPECT_EQ(advise(1, 1, kInstall), Errno{});
  ASSERT_TRUE(remap(0, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, 8));
  EXPECT_EQ(read_fault(page(9)), FaultOutcome::kNoMapping);
  auto child = space_->fork(cache_, 0);
  ASSERT_TRUE(child);
  EXPECT_EQ((*child)->fault(page(9), Access::kRead), FaultOutcome::kNoMapping);
  EXPECT_TRUE(mended((*child)->fault(page(8), Access::kRead)));
  EXPECT_EQ((*child)->verify(), "");
}

TEST_F(GuardTest, AWipedAreaLosesThemInTheChild) {
  map(1);
  EXPECT_EQ(advise(0, 1, kInstall), Errno{});
  EXPECT_EQ(advise(0, 1, MADV_WIPEONFORK), Errno{});
  auto child = space_->fork(cache_, 0);
  ASSERT_TRUE(child);
  EXPECT_TRUE(mended((*child)->fault(page(0), Access::kRead)));
}

}  // namespace
}  // namespace gonzo::test
