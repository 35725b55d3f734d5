// Sections and views. Cases: "CreateFileMappingA function", "MapViewOfFile function",
// "MapViewOfFileEx function", "UnmapViewOfFile function", "FlushViewOfFile function"
// (learn.microsoft.com).
#include "unit/windows/windows_world.h"

namespace gonzo::test {
namespace {

class SectionTest : public WindowsWorld {
 protected:
  void SetUp() override {
    WindowsWorld::SetUp();
    add_process();
  }
  void make(std::uint64_t pages, std::uint32_t protection = page::kReadWrite,
            std::uint32_t attributes = 0) {
    section_ = Section::create(*manager_, pages * kPageSize, protection, attributes).value();
  }
  void make_of_file(std::uint64_t size, std::uint32_t protection = page::kReadWrite,
                    std::uint64_t bytes = 0) {
    inode_ = FakeInode::of_size(size);
    section_ =
        Section::create(*manager_, *cache_, std::make_shared<FakeFile>(inode_), bytes, protection)
            .value();
  }
  VirtAddr view(std::uint32_t access, std::size_t number = 0, std::uint64_t offset = 0) {
    const auto at = memory(number).map_view(section_, {.access = access, .offset = offset});
    EXPECT_TRUE(at.has_value()) << (at ? Win32Error{} : at.error());
    return at.value_or(VirtAddr());
  }
  Win32Error create_error(std::uint64_t bytes, std::uint32_t protection,
                          std::uint32_t attributes = 0) {
    return error_of(Section::create(*manager_, bytes, protection, attributes));
  }
  Win32Error map_error(const windows::ViewRequest& request) {
    return error_of(memory().map_view(section_, request));
  }

  std::shared_ptr<FakeInode> inode_;
};

TEST_F(SectionTest, ViewsShareTheirPages) {
  make(32);
  EXPECT_EQ(committed(), 32U) << "all of it, at once";
  const VirtAddr here = view(file_map::kWrite), there = view(file_map::kAllAccess, 1);
  EXPECT_EQ(process(0).write(here + 5 * kPageSize, 8), NtStatus::kSuccess);
  EXPECT_EQ(process(1).read(there + 5 * kPageSize), 8);
  const VirtAddr second = view(file_map::kRead, 0, kGranule);
  process(1).write(there + 17 * kPageSize, 9);
  EXPECT_EQ(process(0).read(second + kPageSize), 9) << "the same page by its offset";
  EXPECT_EQ(process(0).write(second, 1), NtStatus::kAccessViolation);
  EXPECT_EQ(memory().counts().committed, 0U) << "the section's charge, not a process's";
  const MemoryBasicInformation found = memory().query(second).value();
  EXPECT_EQ(found.type, mem::kMapped);
  EXPECT_EQ(found.state, mem::kCommit);
  EXPECT_EQ(found.protect, page::kReadOnly);
  EXPECT_EQ(found.region_size, 16 * kPageSize);
}

TEST_F(SectionTest, ContentsLiveAsLongAsASectionOrAView) {
  make(1);
  const VirtAddr here = view(file_map::kWrite);
  process().write(here, 8);
  ASSERT_TRUE(memory().unmap_view(here + 99)) << "any address of it";
  EXPECT_EQ(process().touch(here), NtStatus::kAccessViolation);
  EXPECT_EQ(error_of(memory().unmap_view(here)), Win32Error::kInvalidAddress);
  const VirtAddr again = view(file_map::kWrite);
  EXPECT_EQ(process().read(again), 8);
  section_.reset();
  EXPECT_EQ(process().read(again), 8);
  EXPECT_EQ(committed(), 1U);
  ASSERT_TRUE(memory().unmap_view(again));
  EXPECT_EQ(committed(), 0U);
}

TEST_F(SectionTest, CopyOnWriteViewsKeepWhatTheyWrite) {
  make(4);
  const VirtAddr shared = view(file_map::kWrite), copy = view(file_map::kCopy, 1);
  process(0).write(shared, 1);
  EXPECT_EQ(memory(1).counts().committed, 4U) << "every page may become its own";
  EXPECT_EQ(memory(1).query(copy)->protect, page::kWriteCopy);
  EXPECT_EQ(memory(1).query(copy)->region_size, 4 * kPageSize);
  EXPECT_EQ(process(1).read(copy), 1);
  EXPECT_EQ(process(1).write(copy + kPageSize, 2), NtStatus::kSuccess);
  EXPECT_EQ(process(0).read(shared + kPageSize), 0);
  process(0).write(shared + kPageSize, 3);
  EXPECT_EQ(process(1).read(copy + kPageSize), 2);
  process(0).write(shared + 2 * kPageSize, 4);
  EXPECT_EQ(process(1).read(copy + 2 * kPageSize), 4) << "not copied yet";

  EXPECT_EQ(memory(1).query(copy)->region_size, kPageSize);
  EXPECT_EQ(memory(1).query(copy + kPageSize)->protect, page::kReadWrite) << "a plain page now";
  EXPECT_EQ(memory(1).query(copy + kPageSize)->region_size, kPageSize);
  EXPECT_EQ(memory(1).query(copy)->allocation_protect, page::kWriteCopy);
  EXPECT_EQ(memory(1).protect(copy + kPageSize, 1, page::kReadOnly), page::kReadWrite);
}

TEST_F(SectionTest, ReservedSectionsAreCommittedForAllViews) {
  make(16, page::kReadWrite, sec::kReserve);
  EXPECT_EQ(committed(), 0U);
  const VirtAddr here = view(file_map::kWrite), there = view(file_map::kRead, 1);
  EXPECT_EQ(memory().query(here)->state, mem::kReserve);
  EXPECT_EQ(process().touch(here), NtStatus::kAccessViolation);
  ASSERT_EQ(memory().allocate(here + 2 * kPageSize, 2 * kPageSize, mem::kCommit, page::kReadWrite),
            here + 2 * kPageSize);
  EXPECT_EQ(committed(), 2U);
  EXPECT_EQ(process(0).write(here + 3 * kPageSize, 6), NtStatus::kSuccess);
  EXPECT_EQ(process(1).read(there + 3 * kPageSize), 6) << "with no call of its own";
  EXPECT_EQ(process(1).write(there + 3 * kPageSize, 1), NtStatus::kAccessViolation);
  EXPECT_EQ(process(1).touch(there + 4 * kPageSize), NtStatus::kAccessViolation);
  EXPECT_EQ(memory(1).query(there + 2 * kPageSize)->state, mem::kCommit);
  EXPECT_EQ(memory(1).query(there + 2 * kPageSize)->region_size, 2 * kPageSize);
  EXPECT_EQ(memory(1).verify(), "");
  EXPECT_EQ(error_of(memory().protect(here, 3 * kPageSize, page::kReadOnly)),
            Win32Error::kInvalidAddress);
  const std::uint64_t limit = manager_->commitments().limit();
  const VirtAddr hog = must_allocate(limit - 10);
  EXPECT_EQ(error_of(memory().allocate(here, 16 * kPageSize, mem::kCommit, page::kReadWrite)),
            Win32Error::kCommitmentLimit);
  EXPECT_EQ(error_of(memory().free(here, 0, mem::kDecommit)), Win32Error::kInvalidParameter);
  ASSERT_TRUE(memory().free(hog, 0, mem::kRelease));
}

TEST_F(SectionTest, FilesAreReadAndWritten) {
  make_of_file(3 * kPageSize - 100);
  const VirtAddr at = view(file_map::kWrite);
  EXPECT_EQ(process().read(at + kPageSize), FakeInode::pattern(1));
  EXPECT_EQ(process().read(at + 3 * kPageSize - 1), 0) << "past the end of the file";
  process().write(at + kPageSize, 'w');
  ASSERT_TRUE(memory().flush_view(at + kPageSize, 1));
  EXPECT_EQ(inode_->bytes[kPageSize], 'w');
  process().write(at, 'x');
  ASSERT_TRUE(memory().flush_view(at, 0));
  EXPECT_EQ(inode_->bytes[0], 'x');
  EXPECT_EQ(error_of(memory().flush_view(at, 4 * kPageSize)), Win32Error::kInvalidAddress);
  EXPECT_EQ(committed(), 0U) << "the file is what backs it";
  const VirtAddr copy = view(file_map::kCopy, 1);
  process(1).write(copy + kPageSize, 'c');
  ASSERT_TRUE(memory(1).flush_view(copy, 0));
  EXPECT_EQ(inode_->bytes[kPageSize], 'w');
}

TEST_F(SectionTest, AFileGrowsToItsSection) {
  make_of_file(100, page::kReadWrite, 2 * kPageSize + 5);
  EXPECT_EQ(inode_->bytes.size(), 2 * kPageSize + 5);
  const VirtAddr at = view(file_map::kWrite);
  EXPECT_EQ(process().read(at), FakeInode::pattern(0));
  EXPECT_EQ(process().write(at + 2 * kPageSize, 1), NtStatus::kSuccess);
  EXPECT_EQ(process().touch(at + 3 * kPageSize), NtStatus::kAccessViolation);
}

TEST_F(SectionTest, AFileThatCannotBeReadIsAnInPageError) {
  make_of_file(2 * kPageSize);
  const VirtAddr at = view(file_map::kRead);
  inode_->read_error = Errno::kIo;
  EXPECT_EQ(process().touch(at), NtStatus::kInPageError);
  inode_->read_error.reset();
  EXPECT_EQ(process().touch(at), NtStatus::kSuccess);
}

TEST_F(SectionTest, CreationArguments) {
  EXPECT_EQ(create_error(0, page::kReadWrite), Win32Error::kInvalidParameter);
  EXPECT_EQ(create_error(1, page::kNoAccess), Win32Error::kInvalidParameter);
  EXPECT_EQ(create_error(1, page::kExecute), Win32Error::kInvalidParameter);
  EXPECT_EQ(create_error(1, page::kReadWrite | page::kGuard), Win32Error::kInvalidParameter);
  EXPECT_EQ(create_error(1, page::kReadWrite, sec::kReserve | sec::kCommit),
            Win32Error::kInvalidParameter);
  EXPECT_EQ(create_error(kMemory * 2, page::kReadWrite), Win32Error::kCommitmentLimit);
  const auto of_file = [&](std::uint64_t size, FakeFile::Mode mode, std::uint64_t bytes,
                           std::uint32_t protection) {
    return error_of(Section::create(*manager_, *cache_,
                                    std::make_shared<FakeFile>(FakeInode::of_size(size), mode),
                                    bytes, protection));
  };
  EXPECT_EQ(of_file(0, FakeFile::Mode::kReadWrite, 0, page::kReadWrite), Win32Error::kFileInvalid);
  EXPECT_EQ(of_file(9, FakeFile::Mode::kRead, 0, page::kReadWrite), Win32Error::kAccessDenied);
  EXPECT_EQ(of_file(9, FakeFile::Mode::kRead, 10, page::kReadOnly), Win32Error::kNotEnoughMemory);
}

TEST_F(SectionTest, MapArguments) {
  make(32, page::kReadOnly);
  EXPECT_EQ(map_error({.access = 0}), Win32Error::kInvalidParameter);
  EXPECT_EQ(map_error({.access = file_map::kRead, .offset = kPageSize}),
            Win32Error::kMappedAlignment);
  EXPECT_EQ(map_error({.access = file_map::kRead, .base = VirtAddr(0x101000)}),
            Win32Error::kMappedAlignment);
  EXPECT_EQ(map_error({.access = file_map::kWrite}), Win32Error::kAccessDenied);
  EXPECT_EQ(map_error({.access = file_map::kRead | file_map::kExecute}), Win32Error::kAccessDenied);
  EXPECT_EQ(map_error({.access = file_map::kRead, .offset = 2 * kGranule}),
            Win32Error::kAccessDenied);
  EXPECT_EQ(map_error({.access = file_map::kRead, .bytes = 33 * kPageSize}),
            Win32Error::kAccessDenied);
  const windows::ViewRequest there{
      .access = file_map::kRead, .bytes = 1, .base = VirtAddr(0x50000)};
  EXPECT_EQ(memory().map_view(section_, there), VirtAddr(0x50000));
  EXPECT_EQ(memory().query(VirtAddr(0x50000))->region_size, kPageSize);
  EXPECT_EQ(map_error(there), Win32Error::kInvalidAddress);
  EXPECT_TRUE(memory().map_view(section_, {.access = file_map::kCopy}))
      << "a copy needs no more than reading";
  EXPECT_EQ(error_of(memory().free(VirtAddr(0x50000), 0, mem::kRelease)),
            Win32Error::kInvalidParameter)
      << "views are unmapped";
}

TEST_F(SectionTest, AViewHasNoMoreThanItWasMappedFor) {
  make(2, page::kExecuteReadWrite);
  const VirtAddr reads = view(file_map::kRead), writes = view(file_map::kWrite);
  const VirtAddr copies = view(file_map::kCopy), runs = view(file_map::kRead | file_map::kExecute);
  const auto error = [&](VirtAddr at, std::uint32_t protection) {
    const auto done = memory().protect(at, 1, protection);
    return done ? Win32Error{} : done.error();
  };
  EXPECT_EQ(error(reads, page::kReadWrite), Win32Error::kInvalidParameter);
  EXPECT_EQ(error(reads, page::kExecuteRead), Win32Error::kInvalidParameter);
  EXPECT_EQ(error(reads, page::kWriteCopy), Win32Error::kInvalidParameter);
  EXPECT_EQ(error(reads, page::kNoAccess), Win32Error{});
  EXPECT_EQ(process().touch(reads), NtStatus::kAccessViolation);
  EXPECT_EQ(error(writes, page::kReadOnly), Win32Error{});
  EXPECT_EQ(process().write(writes, 1), NtStatus::kAccessViolation);
  EXPECT_EQ(error(writes, page::kReadWrite | page::kGuard), Win32Error{});
  EXPECT_EQ(process().write(writes, 1), NtStatus::kGuardPageViolation);
  EXPECT_EQ(process().write(writes, 1), NtStatus::kSuccess);
  EXPECT_EQ(error(copies, page::kReadWrite), Win32Error::kInvalidParameter);
  EXPECT_EQ(error(copies, page::kReadOnly), Win32Error{});
  EXPECT_EQ(error(copies, page::kWriteCopy), Win32Error{});
  EXPECT_EQ(process().execute(runs), NtStatus::kSuccess);
  EXPECT_EQ(process().execute(reads + kPageSize), NtStatus::kAccessViolation);
}

}  // namespace
}  // namespace gonzo::test
