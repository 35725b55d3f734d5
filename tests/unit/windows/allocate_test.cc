// VirtualAlloc and VirtualFree. Cases: "VirtualAlloc function", "VirtualFree function", "Reserving
// and Committing Memory" (learn.microsoft.com).
#include "unit/windows/windows_world.h"

namespace gonzo::test {
namespace {

class AllocateTest : public WindowsWorld {};

TEST_F(AllocateTest, AReservationRoundsToGranulesAndPages) {
  const auto at = memory().allocate(VirtAddr(0x12345678), 100, mem::kReserve, page::kNoAccess);
  ASSERT_EQ(at, VirtAddr(0x12340000));
  const MemoryBasicInformation found = memory().query(*at).value();
  EXPECT_EQ(found.region_size, 0x6000U) << "up to the page with the last byte, 0x123456db";
  EXPECT_EQ(found.state, mem::kReserve);
  EXPECT_EQ(committed(), 0U);
  EXPECT_EQ(process().touch(*at), NtStatus::kAccessViolation);
}

TEST_F(AllocateTest, WithoutAnAddressTheSizeAloneIsRounded) {
  const VirtAddr first = must_allocate(1);
  EXPECT_EQ(first, VirtAddr(kGranule));
  const VirtAddr second = memory().allocate({}, 1, kReserveCommit, page::kReadWrite).value();
  EXPECT_EQ(second, VirtAddr(2 * kGranule)) << "the rest of a granule is nobody's";
  EXPECT_EQ(memory().query(second)->region_size, kPageSize);
  EXPECT_EQ(committed(), 2U);
}

TEST_F(AllocateTest, TopDownIsTheHighestPossibleAddress) {
  const VirtAddr at = must_allocate(3, mem::kReserve | mem::kTopDown);
  EXPECT_EQ(at, VirtAddr(0x7fff'ffff'0000 - kGranule));
  EXPECT_EQ(must_allocate(17, mem::kReserve | mem::kTopDown), at - 2 * kGranule);
}

TEST_F(AllocateTest, CommittedMemoryIsZeroAndComesWhenItIsTouched) {
  const VirtAddr at = must_allocate(4);
  EXPECT_EQ(process().space().counts().rss(), 0U);
  EXPECT_EQ(process().read(at + 5), 0);
  EXPECT_EQ(process().write(at + 2 * kPageSize, 7), NtStatus::kSuccess);
  EXPECT_EQ(process().read(at + 2 * kPageSize), 7);
  EXPECT_EQ(process().space().counts().rss_anon, 1U);
  EXPECT_EQ(memory().counts().committed, 4U);
}

TEST_F(AllocateTest, CommitWithoutAReservation) {
  EXPECT_EQ(
      error_of(memory().allocate(VirtAddr(0x100000), kPageSize, mem::kCommit, page::kReadWrite)),
      Win32Error::kInvalidAddress);
  const VirtAddr at = must_allocate(16, mem::kReserve);
  EXPECT_EQ(error_of(memory().allocate(at + 15 * kPageSize, 2 * kPageSize, mem::kCommit,
                                       page::kReadWrite)),
            Win32Error::kInvalidAddress)
      << "half of it is reserved";
  EXPECT_EQ(committed(), 0U);
  EXPECT_NE(must_allocate(1, mem::kCommit), VirtAddr()) << "at NULL it reserves as well";
}

TEST_F(AllocateTest, ACommitMustNotCrossReservations) {
  const VirtAddr at = must_allocate(16, mem::kReserve);
  ASSERT_EQ(must_allocate(16, mem::kReserve), at + kGranule);
  EXPECT_EQ(error_of(memory().allocate(at + 15 * kPageSize, 2 * kPageSize, mem::kCommit,
                                       page::kReadWrite)),
            Win32Error::kInvalidAddress);
}

TEST_F(AllocateTest, CommittingTwiceKeepsContents) {
  const VirtAddr at = must_allocate(8, mem::kReserve);
  ASSERT_EQ(memory().allocate(at + 2 * kPageSize + 17, 1, mem::kCommit, page::kReadWrite),
            at + 2 * kPageSize);
  process().write(at + 2 * kPageSize, 9);
  ASSERT_TRUE(memory().allocate(at, 8 * kPageSize, mem::kCommit, page::kReadOnly).has_value());
  EXPECT_EQ(committed(), 8U);
  EXPECT_EQ(process().read(at + 2 * kPageSize), 9);
  EXPECT_EQ(process().write(at + 2 * kPageSize, 1), NtStatus::kAccessViolation)
      << "the new protection counts";
  ASSERT_TRUE(memory().allocate(at, 8 * kPageSize, mem::kCommit, page::kReadWrite).has_value());
  EXPECT_EQ(committed(), 8U);
}

TEST_F(AllocateTest, TwoBytesAcrossAPageBoundaryAreTwoPages) {
  const VirtAddr at = must_allocate(4, mem::kReserve);
  ASSERT_EQ(memory().allocate(at + kPageSize - 1, 2, mem::kCommit, page::kReadWrite), at);
  EXPECT_EQ(memory().query(at)->region_size, 2 * kPageSize);
}

TEST_F(AllocateTest, WhatIsTakenCannotBeReserved) {
  const VirtAddr at = must_allocate(1, mem::kReserve);
  EXPECT_EQ(error_of(memory().allocate(at, 1, mem::kReserve, page::kReadWrite)),
            Win32Error::kInvalidAddress);
  EXPECT_EQ(error_of(memory().allocate(at + 8 * kPageSize, 1, mem::kReserve, page::kReadWrite)),
            Win32Error::kInvalidAddress)
      << "it rounds down to the same granule";
  EXPECT_EQ(error_of(memory().allocate(at - kGranule + 1, 1, mem::kReserve, page::kReadWrite)),
            Win32Error::kInvalidParameter)
      << "the lowest 64 KiB are nobody's";
}

TEST_F(AllocateTest, Arguments) {
  const auto error = [&](std::uint64_t size, std::uint32_t type, std::uint32_t protection) {
    return error_of(memory().allocate({}, size, type, protection));
  };
  EXPECT_EQ(error(0, kReserveCommit, page::kReadWrite), Win32Error::kInvalidParameter);
  EXPECT_EQ(error(1, 0, page::kReadWrite), Win32Error::kInvalidParameter);
  EXPECT_EQ(error(1, mem::kTopDown, page::kReadWrite), Win32Error::kInvalidParameter);
  EXPECT_EQ(error(1, mem::kReset | mem::kCommit, page::kReadWrite), Win32Error::kInvalidParameter);
  EXPECT_EQ(error(1, 0x20000000 | kReserveCommit, page::kReadWrite), Win32Error::kInvalidParameter);
  for (const std::uint32_t wrong :
       {0U, page::kReadOnly | page::kReadWrite, page::kNoAccess | page::kGuard, page::kGuard,
        page::kWriteCopy, page::kExecuteWriteCopy, 0x200U | page::kReadWrite}) {
    EXPECT_EQ(error(1, kReserveCommit, wrong), Win32Error::kInvalidParameter) << wrong;
  }
  EXPECT_EQ(error(~0ULL, mem::kReserve, page::kReadWrite), Win32Error::kInvalidParameter);
  EXPECT_EQ(error(0x7fff'fffe'0001, mem::kReserve, page::kReadWrite), Win32Error::kNotEnoughMemory);
}

TEST_F(AllocateTest, CommitStopsAtTheLimit) {
  const std::uint64_t limit = manager_->commitments().limit();
  const VirtAddr at = must_allocate(limit * 3, mem::kReserve);
  EXPECT_EQ(error_of(memory().allocate(at, limit * kPageSize, mem::kCommit, page::kReadWrite)),
            Win32Error::kCommitmentLimit);
  EXPECT_EQ(error_of(memory().allocate({}, limit * kPageSize, kReserveCommit, page::kReadOnly)),
            Win32Error::kCommitmentLimit)
      << "whatever the protection";
  EXPECT_EQ(memory().counts().reservations, 1U) << "nothing is left of it";
  ASSERT_TRUE(
      memory().allocate(at, (limit - 1) * kPageSize, mem::kCommit, page::kNoAccess).has_value());
  EXPECT_EQ(committed(), limit - 1);
  EXPECT_EQ(error_of(memory().allocate({}, 1, kReserveCommit, page::kReadWrite)),
            Win32Error::kCommitmentLimit);
  ASSERT_TRUE(memory().free(at + kPageSize, kPageSize, mem::kDecommit).has_value());
  EXPECT_TRUE(memory().allocate({}, 1, kReserveCommit, page::kReadWrite).has_value());
}

TEST_F(AllocateTest, NoFrameIsNoMemory) {
  const std::uint64_t pages = manager_->commitments().limit() - 1;
  const VirtAddr at = must_allocate(pages);
  NtStatus status = NtStatus::kSuccess;
  for (std::uint64_t i = 0; i < pages && status == NtStatus::kSuccess; ++i) {
    status = process().write(at + i * kPageSize, 1);
  }
  EXPECT_EQ(status, NtStatus::kNoMemory) << "tables and descriptors take some of it";
}

// ---- VirtualFree ----

TEST_F(AllocateTest, DecommitKeepsTheReservation) {
  const VirtAddr at = must_allocate(6);
  for (std::uint64_t i = 0; i < 6; ++i) process().write(at + i * kPageSize, 5);
  ASSERT_TRUE(memory().free(at + kPageSize + 4095, 2, mem::kDecommit).has_value())
      << "both pages that it touches";
  EXPECT_EQ(committed(), 4U);
  EXPECT_EQ(process().touch(at + kPageSize), NtStatus::kAccessViolation);
  EXPECT_EQ(process().read(at), 5);
  EXPECT_EQ(process().read(at + 3 * kPageSize), 5);
  ASSERT_TRUE(memory().free(at, 6 * kPageSize, mem::kDecommit).has_value())
      << "also what is not committed";
  EXPECT_EQ(committed(), 0U);
  ASSERT_TRUE(memory().allocate(at + kPageSize, 1, mem::kCommit, page::kReadWrite).has_value());
  EXPECT_EQ(process().read(at + kPageSize), 0) << "the contents are gone";
}

TEST_F(AllocateTest, DecommitOfSizeZeroAtTheBaseIsAllOfIt) {
  const VirtAddr at = must_allocate(6);
  EXPECT_EQ(error_of(memory().free(at + kPageSize, 0, mem::kDecommit)),
            Win32Error::kInvalidAddress);
  ASSERT_TRUE(memory().free(at, 0, mem::kDecommit).has_value());
  EXPECT_EQ(committed(), 0U);
  EXPECT_EQ(memory().query(at)->state, mem::kReserve);
}

TEST_F(AllocateTest, ReleaseNeedsTheBaseAndSizeZero) {
  const VirtAddr at = must_allocate(6, mem::kReserve);
  ASSERT_TRUE(memory().allocate(at + kPageSize, 1, mem::kCommit, page::kReadWrite).has_value());
  EXPECT_EQ(error_of(memory().free(at, 6 * kPageSize, mem::kRelease)),
            Win32Error::kInvalidParameter);
  EXPECT_EQ(error_of(memory().free(at + kPageSize, 0, mem::kRelease)), Win32Error::kInvalidAddress);
  EXPECT_EQ(error_of(memory().free(at, 0, mem::kRelease | mem::kDecommit)),
            Win32Error::kInvalidParameter);
  EXPECT_TRUE(memory().free(at, 0, mem::kRelease).has_value()) << "some of it committed, some not";
  EXPECT_EQ(memory().query(at)->state, mem::kFree);
  EXPECT_EQ(committed(), 0U);
  EXPECT_EQ(error_of(memory().free(at, 0, mem::kRelease)), Win32Error::kInvalidAddress);
}

TEST_F(AllocateTest, DecommitStaysInsideAReservation) {
  const VirtAddr at = must_allocate(16);
  ASSERT_EQ(must_allocate(16), at + kGranule);
  EXPECT_EQ(error_of(memory().free(at, 17 * kPageSize, mem::kDecommit)),
            Win32Error::kInvalidParameter);
  EXPECT_EQ(committed(), 32U);
}

/// The page's program: a handler of exceptions commits the next page, and the access goes on.
TEST_F(AllocateTest, TheDynamicArrayThatCommitsItsPagesAsItGrows) {
  constexpr std::uint64_t kPages = 80;
  const VirtAddr base = must_allocate(kPages, mem::kReserve, page::kNoAccess);
  std::uint64_t exceptions = 0;
  for (VirtAddr at = base; at < base + kPages * kPageSize; at += 512) {
    while (process().write(at, 'a') != NtStatus::kSuccess) {
      ++exceptions;
      ASSERT_EQ(memory().allocate(at, kPageSize, mem::kCommit, page::kReadWrite), at.page_floor());
    }
  }
  EXPECT_EQ(exceptions, kPages);
  EXPECT_EQ(process().read(base + 79 * kPageSize + 512), 'a');
  EXPECT_TRUE(memory().free(base, 0, mem::kRelease).has_value());
  EXPECT_EQ(process().space().counts().rss(), 0U);
}

TEST_F(AllocateTest, ThirtyTwoBitProcesses) {
  WindowsProcess& small =
      add_process({.range = {VirtAddr(0x10000), VirtAddr(0x7fff0000)}}, PagingFormat::kClassic32);
  const auto at = small.memory().allocate({}, 5, kReserveCommit | mem::kTopDown, page::kReadWrite);
  ASSERT_EQ(at, VirtAddr(0x7ffe0000));
  EXPECT_EQ(small.write(*at + 4, 3), NtStatus::kSuccess);
  EXPECT_EQ(small.read(*at + 4), 3);
  EXPECT_EQ(small.execute(*at), NtStatus::kSuccess) << "no NX in these entries";
}

}  // namespace
}  // namespace gonzo::test
