// VirtualProtect and guard pages. Cases: "VirtualProtect function", "Memory Protection Constants",
// "Creating Guard Pages" (learn.microsoft.com).
#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "unit/windows/windows_world.h"

namespace gonzo::test {
namespace {

class WindowsProtectTest : public WindowsWorld {
 protected:
  static constexpr NtStatus kGood = NtStatus::kSuccess, kBad = NtStatus::kAccessViolation;
};

TEST_F(WindowsProtectTest, EachConstantMeansItsAccesses) {
  const struct {
    std::uint32_t protection;
    NtStatus read, write, execute;
  } cases[] = {
      {page::kNoAccess, kBad, kBad, kBad},
      {page::kReadOnly, kGood, kBad, kBad},
      {page::kReadWrite, kGood, kGood, kBad},
      {page::kExecute, kGood, kBad, kGood},  // x86 reads what it executes
      {page::kExecuteRead, kGood, kBad, kGood},
      {page::kExecuteReadWrite, kGood, kGood, kGood},
  };
  const VirtAddr at = must_allocate(1);
  std::uint32_t last = page::kReadWrite;
  for (const auto& [protection, read, write, execute] : cases) {
    SCOPED_TRACE(protection);
    EXPECT_EQ(memory().protect(at, 1, protection), last);
    EXPECT_EQ(process().touch(at), read);
    EXPECT_EQ(process().write(at, 1), write);
    EXPECT_EQ(process().execute(at), execute);
    EXPECT_EQ(memory().query(at)->protect, protection);
    last = protection;
  }
  EXPECT_EQ(committed(), 1U) << "charged whatever it may be used for";
}

TEST_F(WindowsProtectTest, TheOldProtectionIsTheFirstPages) {
  const VirtAddr at = must_allocate(4);
  EXPECT_EQ(memory().protect(at + kPageSize, kPageSize, page::kReadOnly), page::kReadWrite);
  EXPECT_EQ(memory().protect(at, 4 * kPageSize, page::kNoAccess), page::kReadWrite);
  EXPECT_EQ(memory().protect(at + 2 * kPageSize - 1, 2, page::kReadOnly), page::kNoAccess);
  EXPECT_EQ(memory().query(at)->region_size, kPageSize);
  EXPECT_EQ(memory().query(at + kPageSize)->region_size, 2 * kPageSize) << "both pages";
}

TEST_F(WindowsProtectTest, AllPagesMustBeCommitted) {
  const VirtAddr at = must_allocate(3);
  ASSERT_TRUE(memory().free(at + kPageSize, 1, mem::kDecommit).has_value());
  EXPECT_EQ(error_of(memory().protect(at, 3 * kPageSize, page::kReadOnly)),
            Win32Error::kInvalidAddress);
  EXPECT_EQ(memory().query(at)->protect, page::kReadWrite) << "and no page changes";
  EXPECT_EQ(error_of(memory().protect(VirtAddr(0x5000000), 1, page::kReadOnly)),
            Win32Error::kInvalidAddress);
}

TEST_F(WindowsProtectTest, NotAcrossReservations) {
  const VirtAddr at = must_allocate(16);
  ASSERT_EQ(must_allocate(16), at + kGranule);
  EXPECT_EQ(error_of(memory().protect(at + 15 * kPageSize, 2 * kPageSize, page::kReadOnly)),
            Win32Error::kInvalidAddress);
}

TEST_F(WindowsProtectTest, Arguments) {
  const VirtAddr at = must_allocate(1);
  EXPECT_EQ(error_of(memory().protect(at, 0, page::kReadOnly)), Win32Error::kInvalidParameter);
  EXPECT_EQ(error_of(memory().protect(at, 1, 0)), Win32Error::kInvalidParameter);
  EXPECT_EQ(error_of(memory().protect(at, 1, page::kWriteCopy)), Win32Error::kInvalidParameter)
      << "nothing to copy";
  EXPECT_EQ(error_of(memory().protect(at, ~0ULL, page::kReadOnly)), Win32Error::kInvalidParameter);
}

TEST_F(WindowsProtectTest, AGuardFiresOnce) {
  const VirtAddr at = must_allocate(3, kReserveCommit, page::kReadWrite | page::kGuard);
  EXPECT_EQ(memory().query(at)->region_size, 3 * kPageSize);
  EXPECT_EQ(process().touch(at + kPageSize), NtStatus::kGuardPageViolation);
  EXPECT_EQ(memory().query(at + kPageSize)->protect, page::kReadWrite);
  EXPECT_EQ(memory().query(at)->protect, page::kReadWrite | page::kGuard) << "the others stay";
  EXPECT_EQ(memory().query(at)->region_size, kPageSize);
  EXPECT_EQ(process().touch(at + kPageSize), kGood);
  EXPECT_EQ(process().write(at + kPageSize, 4), kGood);
  EXPECT_EQ(process().write(at + 2 * kPageSize, 4), NtStatus::kGuardPageViolation);
  EXPECT_EQ(process().write(at + 2 * kPageSize, 4), kGood);
}

TEST_F(WindowsProtectTest, UnderAGuardLiesTheOtherProtection) {
  const VirtAddr at = must_allocate(1, kReserveCommit, page::kReadOnly | page::kGuard);
  EXPECT_EQ(process().write(at, 1), NtStatus::kGuardPageViolation);
  EXPECT_EQ(process().write(at, 1), kBad);
  EXPECT_EQ(process().touch(at), kGood);
}

TEST_F(WindowsProtectTest, AGuardKeepsContentsAndCanBeTakenAway) {
  const VirtAddr at = must_allocate(1);
  process().write(at, 42);
  EXPECT_EQ(memory().protect(at, 1, page::kReadWrite | page::kGuard), page::kReadWrite);
  EXPECT_EQ(memory().protect(at, 1, page::kReadWrite), page::kReadWrite | page::kGuard);
  EXPECT_EQ(process().read(at), 42);
}

TEST_F(WindowsProtectTest, OfManyThreadsOneMeetsTheGuard) {
  constexpr std::uint64_t kPages = 50;
  const VirtAddr at = must_allocate(kPages, kReserveCommit, page::kReadWrite | page::kGuard);
  std::atomic<std::uint64_t> violations{0}, others{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (std::uint64_t n = 0; n < kPages; ++n) {
        const NtStatus status = memory().fault(at + n * kPageSize, Access::kWrite);
        if (status == NtStatus::kGuardPageViolation) ++violations;
        if (status == NtStatus::kAccessViolation) ++others;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(violations, kPages);
  EXPECT_EQ(others, 0U);
}

/// The page's program: locking the page fails once, and then works.
TEST_F(WindowsProtectTest, ASystemServiceMeetsAGuardOnce) {
  const VirtAddr at = must_allocate(2, kReserveCommit, page::kReadOnly);
  ASSERT_TRUE(memory().protect(at + kPageSize, 1, page::kReadOnly | page::kGuard).has_value());
  std::array<std::byte, 16> bytes{};
  EXPECT_EQ(memory().copy_in(bytes, at + kPageSize - 8), NtStatus::kGuardPageViolation);
  EXPECT_EQ(memory().copy_in(bytes, at + kPageSize - 8), kGood);
  EXPECT_EQ(memory().copy_out(at, bytes), kBad);
  EXPECT_EQ(memory().copy_in(bytes, at + 2 * kPageSize - 8), kBad) << "past its end";
  EXPECT_EQ(memory().copy_in(bytes, VirtAddr(~0ULL - 3)), kBad);
}

class FewAreasTest : public WindowsWorld {
 protected:
  static constexpr NtStatus kGood = NtStatus::kSuccess;

  void SetUp() override {
    start({.max_map_count = 10, .overcommit = Overcommit::kNever, .commit_ratio = 100});
  }
};

TEST_F(FewAreasTest, WhatTheCoreRefusesChangesNothing) {
  const VirtAddr at = must_allocate(100);
  std::uint64_t changed = 0;
  while (changed < 100 &&
         memory().protect(at + changed * kPageSize, 1, page::kReadOnly).has_value()) {
    changed += 2;
  }
  EXPECT_GT(changed, 4U);
  EXPECT_LT(changed, 20U);
  EXPECT_EQ(error_of(memory().protect(at + changed * kPageSize, 1, page::kReadOnly)),
            Win32Error::kNotEnoughMemory);
  EXPECT_EQ(memory().query(at + changed * kPageSize)->protect, page::kReadWrite);
  EXPECT_EQ(process().write(at + changed * kPageSize, 1), kGood);
  EXPECT_EQ(memory().verify(), "");
  EXPECT_EQ(memory().protect(at, 100 * kPageSize, page::kReadWrite), page::kReadOnly);
}

}  // namespace
}  // namespace gonzo::test
