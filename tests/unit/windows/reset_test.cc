// MEM_RESET and MEM_RESET_UNDO. Cases: "VirtualAlloc function" (learn.microsoft.com).
#include "unit/windows/windows_world.h"

namespace gonzo::test {
namespace {

class ResetTest : public WindowsWorld {
 protected:
  VirtAddr filled(std::uint64_t pages) {
    const VirtAddr at = must_allocate(pages);
    for (std::uint64_t i = 0; i < pages; ++i) process().write(at + i * kPageSize, 7);
    return at;
  }
  auto reset(VirtAddr at, std::uint64_t size) {
    return memory().allocate(at, size, mem::kReset, page::kNoAccess);
  }
  auto undo(VirtAddr at, std::uint64_t size) {
    return memory().allocate(at, size, mem::kResetUndo, page::kNoAccess);
  }
};

TEST_F(ResetTest, ContentsMayGoButThePagesStayCommitted) {
  const VirtAddr at = filled(4);
  ASSERT_EQ(reset(at, 2 * kPageSize), at);
  EXPECT_EQ(process().read(at), 7) << "memory is not short";
  process().write(at + kPageSize, 9);
  push_out();
  EXPECT_EQ(process().read(at), 0);
  EXPECT_EQ(process().read(at + kPageSize), 9) << "written to since";
  EXPECT_EQ(process().read(at + 2 * kPageSize), 7);
  EXPECT_EQ(committed(), 4U);
}

TEST_F(ResetTest, UndoneInTimeNothingIsLost) {
  const VirtAddr at = filled(4);
  must_allocate(1);
  ASSERT_TRUE(reset(at, 4 * kPageSize));
  ASSERT_EQ(undo(at, 4 * kPageSize), at);
  push_out();
  for (std::uint64_t i = 0; i < 4; ++i) EXPECT_EQ(process().read(at + i * kPageSize), 7) << i;
}

TEST_F(ResetTest, UndoneTooLateItFails) {
  const VirtAddr at = filled(4);
  ASSERT_TRUE(reset(at, 4 * kPageSize));
  ASSERT_TRUE(undo(at + 3 * kPageSize, kPageSize));
  push_out();
  EXPECT_EQ(error_of(undo(at, 4 * kPageSize)), Win32Error::kGenFailure);
  EXPECT_EQ(process().read(at), 0);
  EXPECT_EQ(process().read(at + 3 * kPageSize), 7);
}

TEST_F(ResetTest, UntouchedPagesLoseNothing) {
  const VirtAddr at = must_allocate(2);
  EXPECT_EQ(process().read(at), 0) << "the zero page";
  ASSERT_TRUE(reset(at, 2 * kPageSize));
  push_out();
  EXPECT_TRUE(undo(at, 2 * kPageSize));
}

TEST_F(ResetTest, OnlyWholePages) {
  const VirtAddr at = filled(3);
  ASSERT_EQ(reset(at + 1, 2 * kPageSize), at + kPageSize);
  push_out();
  EXPECT_EQ(process().read(at), 7);
  EXPECT_EQ(process().read(at + kPageSize), 0);
  EXPECT_EQ(process().read(at + 2 * kPageSize), 7);
  EXPECT_EQ(error_of(reset(at + 1, 4095)), Win32Error::kInvalidAddress);
}

TEST_F(ResetTest, OfCommittedPagesOnly) {
  const VirtAddr at = filled(3);
  ASSERT_TRUE(memory().free(at + kPageSize, 1, mem::kDecommit));
  EXPECT_EQ(error_of(reset(at, 3 * kPageSize)), Win32Error::kInvalidAddress);
  EXPECT_EQ(error_of(reset(VirtAddr(0x7000000), kPageSize)), Win32Error::kInvalidAddress);
}

TEST_F(ResetTest, ViewsOfThePageFileStayThoseOfFilesAreRefused) {
  section_ = Section::create(*manager_, 2 * kPageSize, page::kReadWrite).value();
  const VirtAddr at = memory().map_view(section_, {.access = file_map::kWrite}).value();
  process().write(at, 3);
  ASSERT_TRUE(reset(at, 2 * kPageSize));
  push_out();
  EXPECT_EQ(process().read(at), 3);
  EXPECT_TRUE(undo(at, 2 * kPageSize));
  ASSERT_TRUE(memory().unmap_view(at));

  section_ = Section::create(*manager_, *cache_, std::make_shared<FakeFile>(FakeInode::of_size(9)),
                             0, page::kReadWrite)
                 .value();
  const VirtAddr file = memory().map_view(section_, {.access = file_map::kWrite}).value();
  EXPECT_EQ(error_of(reset(file, kPageSize)), Win32Error::kUserMappedFile);
}

}  // namespace
}  // namespace gonzo::test
