// VirtualQuery. Cases: "VirtualQuery function", "MEMORY_BASIC_INFORMATION structure"
// (learn.microsoft.com).
#include "unit/windows/windows_world.h"

namespace gonzo::test {
namespace {

class QueryTest : public WindowsWorld {
 protected:
  MemoryBasicInformation query(VirtAddr at) { return memory().query(at).value(); }
};

TEST_F(QueryTest, AnEmptyProcessIsOneFreeRegion) {
  const MemoryBasicInformation all = query(VirtAddr(0x12345));
  EXPECT_EQ(all.base_address, VirtAddr(0x12000));
  EXPECT_EQ(all.region_size, 0x7fff'ffff'0000 - 0x12000);
  EXPECT_EQ(all.state, mem::kFree);
  EXPECT_EQ(all.protect, page::kNoAccess);
  EXPECT_EQ(all.type, 0U);
  EXPECT_EQ(error_of(memory().query(VirtAddr(0x7fff'ffff'0000))), Win32Error::kInvalidParameter);
  EXPECT_EQ(error_of(memory().query(VirtAddr(~0ULL))), Win32Error::kInvalidParameter);
}

TEST_F(QueryTest, RegionsArePagesThatAreAlike) {
  const VirtAddr at = must_allocate(10, mem::kReserve, page::kReadOnly);
  ASSERT_TRUE(memory().allocate(at + 2 * kPageSize, 4 * kPageSize, mem::kCommit, page::kReadWrite));
  ASSERT_TRUE(memory().protect(at + 4 * kPageSize, 2 * kPageSize, page::kExecuteRead));
  const struct {
    std::uint64_t page, pages;
    std::uint32_t state, protect;
  } regions[] = {
      {0, 2, mem::kReserve, 0},
      {1, 1, mem::kReserve, 0},
      {2, 2, mem::kCommit, page::kReadWrite},
      {3, 1, mem::kCommit, page::kReadWrite},
      {4, 2, mem::kCommit, page::kExecuteRead},
      {6, 4, mem::kReserve, 0},
  };
  for (const auto& [first, pages, state, protect] : regions) {
    SCOPED_TRACE(first);
    const MemoryBasicInformation found = query(at + first * kPageSize + 99);
    EXPECT_EQ(found.base_address, at + first * kPageSize);
    EXPECT_EQ(found.allocation_base, at);
    EXPECT_EQ(found.allocation_protect, page::kReadOnly) << "as it was reserved";
    EXPECT_EQ(found.region_size, pages * kPageSize);
    EXPECT_EQ(found.state, state);
    EXPECT_EQ(found.protect, protect);
    EXPECT_EQ(found.type, mem::kPrivate);
  }
}

TEST_F(QueryTest, ARegionEndsWithItsReservation) {
  const VirtAddr at = must_allocate(16);
  ASSERT_EQ(must_allocate(16), at + kGranule);
  EXPECT_EQ(query(at).region_size, kGranule);
  EXPECT_EQ(query(at + kGranule).allocation_base, at + kGranule);
}

TEST_F(QueryTest, TheRestOfAGranuleIsFree) {
  const VirtAddr at = must_allocate(3);
  must_allocate(1);
  const MemoryBasicInformation rest = query(at + 3 * kPageSize);
  EXPECT_EQ(rest.state, mem::kFree);
  EXPECT_EQ(rest.region_size, kGranule - 3 * kPageSize);
}

TEST_F(QueryTest, CountsAndTheirPeaks) {
  const VirtAddr at = must_allocate(20, mem::kReserve);
  ASSERT_TRUE(memory().allocate(at, 7 * kPageSize, mem::kCommit, page::kReadWrite));
  ASSERT_TRUE(memory().free(at, 5 * kPageSize, mem::kDecommit));
  must_allocate(2);
  EXPECT_EQ(memory().counts().virtual_size, 22U);
  EXPECT_EQ(memory().counts().committed, 4U);
  EXPECT_EQ(memory().counts().peak_committed, 7U);
  EXPECT_EQ(memory().counts().reservations, 2U);
  ASSERT_TRUE(memory().free(at, 0, mem::kRelease));
  EXPECT_EQ(memory().counts().virtual_size, 2U);
  EXPECT_EQ(memory().counts().peak_virtual_size, 22U);
}

}  // namespace
}  // namespace gonzo::test
