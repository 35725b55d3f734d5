// What counts as committed, and who is refused.
#include "unit/mm/contracts.h"
#include <gonzo/cache/shared_memory.h>

namespace gonzo::test {
namespace {

class CommitTest : public Contracts {
 protected:
  static constexpr std::uint64_t kMemory = 64 * kMiB / kPageSize;

  void start_with(Overcommit policy) { start({.manager = {.overcommit = policy}}); }
  std::uint64_t committed() { return manager_->commitments().committed(); }
  Errno map_pages(std::uint64_t pages, int protection = kReadWrite, int flags = kPrivate) {
    return map_error({.length = pages * kPageSize, .protection = protection, .flags = flags});
  }
};

TEST_F(CommitTest, PrivateWritableMemoryIs) {
  map(10);
  EXPECT_EQ(committed(), 10U);
  map(10, PROT_READ, kPrivate, 20);
  map(10, kReadWrite, kPrivate | MAP_NORESERVE, 40);
  EXPECT_EQ(committed(), 10U);
  map(4, kReadWrite, kPrivate, 8);
  EXPECT_EQ(committed(), 12U) << "two of them had been charged";
  map(2, PROT_READ, kPrivate, 8);
  EXPECT_EQ(committed(), 10U);
  unmap(0, 4);
  EXPECT_EQ(committed(), 6U);
}

TEST_F(CommitTest, SharedMemoryIsUntilItsLastMapping) {
  map(8, PROT_READ, kSharedAnonymous);
  EXPECT_EQ(committed(), 8U);
  unmap(0, 4);
  EXPECT_EQ(committed(), 8U);
  unmap(4, 4);
  EXPECT_EQ(committed(), 0U);

  map(8, kReadWrite, kSharedAnonymous | MAP_NORESERVE);
  EXPECT_EQ(committed(), 0U);
  poke(page(0), 1);
  poke(page(5), 1);
  EXPECT_EQ(committed(), 2U);
  unmap(0, 8);
  EXPECT_EQ(committed(), 0U);
}

TEST_F(CommitTest, PermissionsChangeIt) {
  map(8, PROT_READ);
  EXPECT_EQ(protect(2, 4, kReadWrite), Errno{});
  EXPECT_EQ(committed(), 4U);
  EXPECT_EQ(protect(2, 2, PROT_READ), Errno{}) << "untouched";
  EXPECT_EQ(committed(), 2U);
  poke(page(4), 1);
  EXPECT_EQ(protect(4, 2, PROT_READ), Errno{}) << "it has pages of its own";
  EXPECT_EQ(committed(), 2U);
  unmap(0, 8);
  EXPECT_EQ(committed(), 0U);
}

TEST_F(CommitTest, MovesTakeItAlong) {
  map(4);
  ASSERT_TRUE(remap(0, 4, 6, MREMAP_MAYMOVE).has_value());
  EXPECT_EQ(committed(), 6U);
  ASSERT_TRUE(remap(0, 6, 8, MREMAP_MAYMOVE | MREMAP_FIXED, 40).has_value());
  EXPECT_EQ(committed(), 8U);
  ASSERT_TRUE(remap(40, 8, 3, 0).has_value());
  EXPECT_EQ(committed(), 3U);
  ASSERT_TRUE(remap(40, 3, 3, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 60).has_value());
  EXPECT_EQ(committed(), 6U);
}

TEST_F(CommitTest, AMoveWithoutFramesGivesItBack) {
  map(4);
  poke(page(0), 1);
  frames_->fail_nth(1);
  EXPECT_EQ(error(remap(0, 4, 8, MREMAP_MAYMOVE | MREMAP_FIXED, 1 << 20)), Errno::kNoMem);
  EXPECT_EQ(committed(), 4U);
}

TEST_F(CommitTest, HeapAndStack) {
  space_->set_bounds({.start_brk = page(0), .brk = page(0)});
  EXPECT_EQ(space_->brk(page(5)), page(5));
  EXPECT_EQ(committed(), 5U);
  EXPECT_EQ(space_->brk(page(1)), page(1));
  EXPECT_EQ(committed(), 1U);
  ASSERT_TRUE(space_->map_stack(page(2000), 2 * kPageSize, false).has_value());
  EXPECT_EQ(committed(), 3U);
  poke(page(1990), 1);
  EXPECT_EQ(committed(), 11U);
}

TEST_F(CommitTest, AForkDoublesIt) {
  map(4);
  map(4, PROT_READ, kPrivate, 8);
  map(4, kReadWrite, kPrivate, 16);
  ASSERT_EQ(advise(16, 4, MADV_DONTFORK), Errno{});
  NoTranslationCache cache;
  {
    const auto child = *space_->fork(cache, 0);
    EXPECT_EQ(committed(), 12U);
    EXPECT_EQ(child->verify(), "");
  }
  EXPECT_EQ(committed(), 8U);
}

TEST_F(CommitTest, HeuristicRefusesWhatCouldNeverFit) {
  EXPECT_EQ(map_pages(kMemory + 1), Errno::kNoMem);
  EXPECT_EQ(map_pages(kMemory + 1, kReadWrite, kSharedAnonymous), Errno::kNoMem);
  EXPECT_EQ(map_pages(kMemory + 1, PROT_READ), Errno{});
  EXPECT_EQ(map_pages(kMemory + 1, kReadWrite, kPrivate | MAP_NORESERVE), Errno{});
  EXPECT_EQ(map_pages(kMemory), Errno{});
  EXPECT_EQ(map_pages(kMemory), Errno{}) << "one by one, anything";
  EXPECT_EQ(committed(), 2 * kMemory);
  map(kMemory + 1, PROT_READ);
  EXPECT_EQ(protect(0, kMemory + 1, kReadWrite), Errno::kNoMem);
}

TEST_F(CommitTest, AlwaysRefusesNothing) {
  start_with(Overcommit::kAlways);
  EXPECT_EQ(map_pages(100 * kMemory), Errno{});
  EXPECT_EQ(map_pages(100 * kMemory, kReadWrite, kSharedAnonymous), Errno{});
  EXPECT_EQ(committed(), 200 * kMemory);
}

TEST_F(CommitTest, NeverStopsAtTheLimit) {
  start_with(Overcommit::kNever);
  CommitLedger& ledger = manager_->commitments();
  EXPECT_EQ(ledger.limit(), kMemory / 2);
  const std::uint64_t allowed = ledger.limit() - ledger.admin_reserve();
  EXPECT_EQ(map_pages(allowed), Errno::kNoMem);
  EXPECT_EQ(map_pages(allowed - 1), Errno{});
  EXPECT_EQ(map_pages(1), Errno::kNoMem);
  EXPECT_EQ(map_pages(1, kReadWrite, kPrivate | MAP_NORESERVE), Errno::kNoMem)
      << "means nothing here";
  EXPECT_EQ(map_pages(1, kReadWrite, kSharedAnonymous), Errno::kNoMem);
  EXPECT_EQ(map_pages(1, PROT_READ), Errno{});
  NoTranslationCache cache;
  EXPECT_EQ(error(space_->fork(cache, 0)), Errno::kNoMem);
  AddressSpaceLimits limits = space_->limits();
  limits.is_admin = true;
  space_->set_limits(limits);
  const std::uint64_t kept = std::min(space_->counts().total / 32, ledger.user_reserve());
  EXPECT_EQ(map_pages(ledger.admin_reserve() - kept), Errno{}) << "what was kept for him";
  EXPECT_EQ(committed(), ledger.limit() - kept - 1);
}

TEST_F(CommitTest, CallersAnswerForWhatTheyChargeThemselves) {
  start({.manager = {.overcommit = Overcommit::kNever, .commit_ratio = 100}});
  EXPECT_EQ(manager_->commitments().limit(), kMemory);
  must_map({.hint = kBase,
            .length = 2 * kMemory * kPageSize,
            .protection = kReadWrite,
            .flags = kPrivate | MAP_FIXED,
            .charging = Charging::kCallers});
  EXPECT_EQ(committed(), 0U);
  EXPECT_EQ(protect(0, 4, PROT_READ), Errno{});
  EXPECT_EQ(protect(0, 4, kReadWrite), Errno{});
  EXPECT_EQ(committed(), 0U) << "nor later";
}

TEST_F(CommitTest, NeverWithByTouchedSharedMemory) {
  start_with(Overcommit::kNever);
  CommitLedger& ledger = manager_->commitments();
  const std::uint64_t allowed = ledger.limit() - ledger.admin_reserve();
  const ObjectRef memory = make_shared_memory(*frames_, 2 * kPageSize, {}, CommitCharge(ledger),
                                              ShmemCommit::kByTouched);
  ASSERT_EQ(map_pages(allowed - 2), Errno{});
  const auto page = memory->get_page(0, PageIntent::kRead);
  ASSERT_TRUE(page.has_value());
  frames_->put(page->pfn);
  EXPECT_EQ(memory->get_page(1, PageIntent::kRead).error(), Errno::kNoSpc);
}

class LimitsTest : public CommitTest {};

TEST_F(LimitsTest, AddressSpace) {
  map(10);
  limit(&AddressSpaceLimits::address_space, 12 * kPageSize);
  EXPECT_EQ(map_pages(3, PROT_NONE), Errno::kNoMem);
  EXPECT_EQ(map_pages(2, PROT_NONE), Errno{});
  map(10, PROT_READ);  // in the place of others
  EXPECT_EQ(error(remap(0, 10, 11, MREMAP_MAYMOVE)), Errno::kNoMem);
  EXPECT_EQ(error(remap(0, 10, 10, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 20)), Errno::kNoMem);
}

TEST_F(LimitsTest, DataIsPrivateWritableMemory) {
  map(4);
  limit(&AddressSpaceLimits::data, 4 * kPageSize);
  EXPECT_EQ(map_pages(1), Errno::kNoMem);
  EXPECT_EQ(map_pages(1, PROT_READ), Errno{});
  EXPECT_EQ(map_pages(1, kReadWrite, kSharedAnonymous), Errno{});
  EXPECT_EQ(map_pages(1, kReadWrite, kPrivate | MAP_GROWSDOWN), Errno{}) << "a stack";
  map(2, PROT_READ, kPrivate, 8);
  EXPECT_EQ(protect(8, 1, kReadWrite), Errno::kNoMem);
  EXPECT_EQ(protect(0, 4, PROT_READ), Errno{});
  EXPECT_EQ(protect(8, 1, kReadWrite), Errno{});
  limit(&AddressSpaceLimits::data, 0);
  EXPECT_EQ(map_pages(1), Errno{}) << "the hard limit counts";
  limit(&AddressSpaceLimits::hard_data, 0);
  EXPECT_EQ(map_pages(1), Errno::kNoMem);
}

TEST_F(LimitsTest, PeakDoesNotCountAMoveTwice) {
  map(10);
  ASSERT_TRUE(remap(0, 10, 10, MREMAP_MAYMOVE | MREMAP_FIXED, 40).has_value());
  EXPECT_EQ(space_->counts().peak_total, 10U);
}

}  // namespace
}  // namespace gonzo::test
