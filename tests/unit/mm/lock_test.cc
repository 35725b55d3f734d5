// mlock and its kin: areas, the count, the limit, and what is brought in.
#include "unit/mm/contracts.h"

namespace gonzo::test {
namespace {

constexpr int kOnFault = MLOCK_ONFAULT;

class LockTest : public Contracts {
 protected:
  Errno lock(std::uint64_t first, std::uint64_t pages, int flags = 0) {
    return error(space_->lock_memory(page(first), pages * kPageSize, flags));
  }
  Errno unlock(std::uint64_t first, std::uint64_t pages) {
    return error(space_->unlock_memory(page(first), pages * kPageSize));
  }
  std::uint64_t locked() { return space_->counts().locked; }
  bool resident(std::uint64_t n) { return !entry(page(n)).is_blank(); }
  std::uint64_t flags_at(std::uint64_t n) { return space_->area_at(page(n))->attributes.flags; }
};

TEST_F(LockTest, SplitsBringsInAndMergesAgain) {
  map(10);
  EXPECT_EQ(lock(2, 3), Errno{});
  EXPECT_THAT(areas(), ElementsAre("0-2 rw-p", "2-5 rw-p", "5-10 rw-p"));
  EXPECT_EQ(locked(), 3U);
  EXPECT_FALSE(resident(1));
  EXPECT_TRUE(entry(page(2)).is_writable() && entry(page(4)).is_writable());
  EXPECT_FALSE(resident(5));
  EXPECT_EQ(lock(4, 4), Errno{}) << "what is locked already counts once";
  EXPECT_EQ(locked(), 6U);
  EXPECT_EQ(unlock(0, 10), Errno{});
  EXPECT_EQ(locked(), 0U);
  EXPECT_THAT(areas(), ElementsAre("0-10 rw-p"));
}

TEST_F(LockTest, RoundsToWholePages) {
  map(4);
  EXPECT_EQ(error(space_->lock_memory(page(1) + 100, kPageSize, 0)), Errno{});
  EXPECT_EQ(locked(), 2U);
}

TEST_F(LockTest, ReadsWhatItMayNotCopy) {
  map(2, PROT_READ);
  make_object(4);
  must_map({.hint = page(4),
            .length = 4 * kPageSize,
            .protection = kReadWrite,
            .flags = MAP_SHARED | MAP_FIXED,
            .object = object_});
  EXPECT_EQ(lock(0, 2), Errno{});
  EXPECT_TRUE(entry(page(0)).has(pte::kSpecial));
  EXPECT_EQ(lock(4, 4), Errno{});
  EXPECT_FALSE(entry(page(4)).has(pte::kDirty)) << "only read";
}

TEST_F(LockTest, OnFaultBringsNothingIn) {
  map(4);
  EXPECT_EQ(lock(0, 4, kOnFault), Errno{});
  EXPECT_EQ(locked(), 4U);
  EXPECT_FALSE(resident(0));
  EXPECT_EQ(lock(1, 1), Errno{}) << "the other kind of lock";
  EXPECT_EQ(locked(), 4U);
  EXPECT_TRUE(resident(1));
  EXPECT_THAT(areas(), ElementsAre("0-1 rw-p", "1-2 rw-p", "2-4 rw-p"));
  EXPECT_EQ(lock(0, 4, 2), Errno::kInval);
}

TEST_F(LockTest, HolesEndItAfterPartOfTheWork) {
  map(2);
  map(2, kReadWrite, kPrivate, 4);
  EXPECT_EQ(lock(0, 6), Errno::kNoMem);
  EXPECT_EQ(locked(), 2U);
  EXPECT_FALSE(resident(0)) << "nothing is brought in after an error";
  EXPECT_EQ(lock(3, 2), Errno::kNoMem);
  EXPECT_EQ(locked(), 2U);
  EXPECT_EQ(unlock(0, 6), Errno::kNoMem);
  EXPECT_EQ(locked(), 0U);
}

TEST_F(LockTest, NothingOfWhatCannotBeBroughtInIsNoError) {
  map(2, PROT_NONE);
  EXPECT_EQ(lock(1, 0), Errno{});
  EXPECT_EQ(locked(), 0U);
}

TEST_F(LockTest, WhatCannotBeBroughtInStaysLocked) {
  map(2, PROT_NONE);
  EXPECT_EQ(lock(0, 2), Errno::kNoMem);
  EXPECT_EQ(locked(), 2U);
  make_object(1);
  must_map({.hint = page(4),
            .length = 2 * kPageSize,
            .protection = PROT_READ,
            .flags = MAP_PRIVATE | MAP_FIXED,
            .object = object_});
  EXPECT_EQ(lock(4, 2), Errno::kNoMem) << "past the object's end";
  EXPECT_EQ(locked(), 4U);
  map(1, kReadWrite, kPrivate, 8);
  frames_->fail_nth(1);
  EXPECT_EQ(lock(8, 1), Errno::kAgain) << "no frame";
  EXPECT_EQ(locked(), 5U);
}

TEST_F(LockTest, EndsThatOverflow) {
  map(4);
  limit(&AddressSpaceLimits::locked, ~0ULL);
  EXPECT_EQ(error(space_->lock_memory(page(0), ~0ULL, 0)), Errno{}) << "a length of 0";
  EXPECT_EQ(error(space_->lock_memory(page(0), ~0ULL - 3 * kPageSize, 0)), Errno::kInval);
  EXPECT_EQ(error(space_->unlock_memory(page(0), ~0ULL - 3 * kPageSize)), Errno::kInval);
  EXPECT_EQ(lock(100, 0), Errno{});
  EXPECT_EQ(locked(), 0U);
}

TEST_F(LockTest, LimitAndPrivilege) {
  map(10);
  limit(&AddressSpaceLimits::locked, 4 * kPageSize);
  EXPECT_EQ(lock(0, 4), Errno{});
  EXPECT_EQ(lock(4, 1), Errno::kNoMem);
  EXPECT_EQ(lock(1, 3, kOnFault), Errno{}) << "locked already";
  EXPECT_EQ(lock(1, 4), Errno::kNoMem);
  EXPECT_EQ(map_error({.length = kPageSize, .flags = kPrivate | MAP_LOCKED}), Errno::kAgain);
  EXPECT_EQ(error(space_->lock_all(MCL_CURRENT)), Errno::kNoMem);
  EXPECT_EQ(error(space_->lock_all(MCL_FUTURE)), Errno{});
  space_->unlock_all();

  limit(&AddressSpaceLimits::locked, 0);
  EXPECT_EQ(lock(0, 0), Errno::kPerm);
  EXPECT_EQ(map_error({.length = kPageSize, .flags = kPrivate | MAP_LOCKED}), Errno::kPerm);
  EXPECT_EQ(error(space_->lock_all(MCL_FUTURE)), Errno::kPerm);
  EXPECT_EQ(unlock(0, 1), Errno{});

  AddressSpaceLimits limits = space_->limits();
  limits.locks_freely = true;
  space_->set_limits(limits);
  EXPECT_EQ(lock(0, 10), Errno{});
  EXPECT_EQ(locked(), 10U);
}

TEST_F(LockTest, AllNowAndAllToCome) {
  map(2);
  map(2, PROT_NONE, kPrivate, 8);
  EXPECT_EQ(error(space_->lock_all(0)), Errno::kInval);
  EXPECT_EQ(error(space_->lock_all(MCL_ONFAULT)), Errno::kInval);
  EXPECT_EQ(error(space_->lock_all(8)), Errno::kInval);
  EXPECT_EQ(error(space_->lock_all(MCL_CURRENT)), Errno{}) << "what cannot be had is left out";
  EXPECT_EQ(locked(), 4U);
  EXPECT_TRUE(resident(0) && resident(1));
  map(1, kReadWrite, kPrivate, 16);
  EXPECT_EQ(locked(), 4U);

  EXPECT_EQ(error(space_->lock_all(MCL_FUTURE)), Errno{});
  EXPECT_EQ(locked(), 4U) << "those that are there stay as they are";
  map(2, kReadWrite, kPrivate, 20);
  EXPECT_EQ(locked(), 6U);
  EXPECT_TRUE(resident(20) && resident(21));
  EXPECT_EQ(error(space_->lock_all(MCL_FUTURE | MCL_ONFAULT)), Errno{});
  map(2, kReadWrite, kPrivate | MAP_POPULATE, 30);
  EXPECT_FALSE(resident(30));
  EXPECT_EQ(flags_at(30) & vm_flags::kLockOnFault, vm_flags::kLockOnFault);
  space_->unlock_all();
  EXPECT_EQ(locked(), 0U);
  map(2, kReadWrite, kPrivate, 40);
  EXPECT_EQ(locked(), 0U);
}

TEST_F(LockTest, BreakUnderMclFuture) {
  space_->set_bounds({.start_brk = page(0), .brk = page(0)});
  ASSERT_EQ(error(space_->lock_all(MCL_FUTURE)), Errno{});
  EXPECT_EQ(space_->brk(page(3)), page(3));
  EXPECT_EQ(locked(), 3U);
  EXPECT_TRUE(resident(2));
  limit(&AddressSpaceLimits::locked, 4 * kPageSize);
  EXPECT_EQ(space_->brk(page(6)), page(3)) << "beyond RLIMIT_MEMLOCK";
  EXPECT_EQ(space_->brk(page(1)), page(1));
  EXPECT_EQ(locked(), 1U);
}

TEST_F(LockTest, MremapTakesTheLockAlong) {
  map(4);
  ASSERT_EQ(lock(0, 4), Errno{});
  ASSERT_EQ(*remap(0, 4, 6, MREMAP_MAYMOVE), page(0));
  EXPECT_EQ(locked(), 6U);
  EXPECT_TRUE(resident(5)) << "the growth is brought in";
  ASSERT_EQ(*remap(0, 6, 6, MREMAP_MAYMOVE | MREMAP_FIXED, 20), page(20));
  EXPECT_EQ(locked(), 6U);
  limit(&AddressSpaceLimits::locked, 6 * kPageSize);
  EXPECT_EQ(error(remap(20, 6, 7, MREMAP_MAYMOVE)), Errno::kAgain);
  EXPECT_EQ(unmap(20, 2), Errno{});
  EXPECT_EQ(locked(), 4U);
}

/// What the kernel does: the source's area is unlocked as a whole, the count keeps its pages.
TEST_F(LockTest, DontunmapLeavesStrayCount) {
  map(10);
  ASSERT_EQ(lock(0, 6), Errno{});
  ASSERT_EQ(*remap(1, 2, 2, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 20), page(20));
  EXPECT_EQ(flags_at(0) & vm_flags::kLocked, 0U);
  EXPECT_EQ(flags_at(20) & vm_flags::kLocked, vm_flags::kLocked);
  EXPECT_EQ(locked(), 8U);
  EXPECT_EQ(unmap(0, 30), Errno{});
  EXPECT_EQ(locked(), 6U);
}

TEST_F(LockTest, BecomingWritableCopies) {
  make_object(2);
  map_object(2, PROT_READ, MAP_PRIVATE);
  ASSERT_EQ(lock(0, 2), Errno{});
  EXPECT_EQ(space_->counts().rss_anon, 0U);
  EXPECT_EQ(protect(0, 2, kReadWrite), Errno{});
  EXPECT_EQ(space_->counts().rss_anon, 2U);
}

TEST_F(LockTest, AdviceThatWouldDropIsRefused) {
  map(2);
  ASSERT_EQ(lock(0, 2), Errno{});
  EXPECT_EQ(advise(0, 1, MADV_DONTNEED), Errno::kInval);
  EXPECT_EQ(advise(0, 1, MADV_FREE), Errno::kInval);
  EXPECT_EQ(advise(0, 1, MADV_DONTNEED_LOCKED), Errno{});
  EXPECT_EQ(error(space_->sync(page(0), kPageSize, MS_INVALIDATE)), Errno::kBusy);
}

TEST_F(LockTest, AForkedChildHasNoLocks) {
  map(2);
  ASSERT_EQ(error(space_->lock_all(MCL_CURRENT | MCL_FUTURE)), Errno{});
  NoTranslationCache cache;
  const auto child = *space_->fork(cache, 0);
  EXPECT_EQ(child->verify(), "");
  EXPECT_EQ(child->counts().locked, 0U);
  ASSERT_TRUE(child->map({.length = kPageSize, .flags = kPrivate}).has_value());
  EXPECT_EQ(child->counts().locked, 0U);
}

TEST_F(LockTest, AtTheLimitOfAreas) {
  start({.manager = {.max_map_count = 3}});
  map(8);
  ASSERT_EQ(lock(2, 2), Errno{});
  EXPECT_EQ(lock(6, 1), Errno::kNoMem) << "would need two areas more";
  EXPECT_EQ(locked(), 2U);
  EXPECT_EQ(lock(4, 2), Errno{}) << "only moves a boundary";
}

class StackLockTest : public LockTest {};

TEST_F(StackLockTest, AGrowingStackIsLockedToo) {
  ASSERT_TRUE(space_->map_stack(page(200), 2 * kPageSize, false).has_value());
  ASSERT_EQ(lock(198, 2), Errno{});
  poke(page(196), 1);
  EXPECT_EQ(locked(), 4U);
  EXPECT_FALSE(resident(197)) << "a fault brings its own page";
  limit(&AddressSpaceLimits::locked, 4 * kPageSize);
  EXPECT_EQ(write_fault(page(195)), FaultOutcome::kNoMapping);
}

}  // namespace
}  // namespace gonzo::test
