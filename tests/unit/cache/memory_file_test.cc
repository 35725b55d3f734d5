// Files in memory: what differs from files on disk.
#include "unit/cache/cache_fixture.h"
#include <gonzo/frame/frame_census.h>
#include <gonzo/vma/vma.h>

namespace gonzo {
namespace {

using test::CacheTest;
using test::FakeFile;
using test::FakeInode;

constexpr std::uint64_t kAll = ~std::uint64_t{0} >> kPageShift;
constexpr AreaNotice kWritableArea{.flags = vm_flags::kShared | vm_flags::kMayWrite, .owner = 1};
constexpr AreaNotice kReadOnlyArea{.flags = vm_flags::kShared, .owner = 1};
constexpr AreaNotice kPrivateArea{.flags = vm_flags::kMayWrite, .owner = 1};

class MemoryFile : public CacheTest {
 protected:
  MemoryFile() {
    inode_->in_memory = true;
    file_ = open(inode_);
  }
  void TearDown() override {
    file_.reset();
    CacheTest::TearDown();
  }
  static constexpr auto succeed = []() -> Result<void> { return {}; };

  std::shared_ptr<FakeInode> inode_ = FakeInode::of_size(8 * kPageSize);
  CachedFileRef file_;
};

TEST_F(MemoryFile, CountsAsSharedMemoryAndIsNeverFlushed) {
  EXPECT_TRUE(file_->is_shmem());
  poke(*file_, 1, 5, 'x');
  inode_->flush_error = Errno::kIo;
  EXPECT_TRUE(file_->sync(0, kAll).has_value());
  EXPECT_EQ(inode_->flushes, 0u);
  EXPECT_EQ(inode_->bytes[kPageSize + 5], 'x') << "others on the host see it";
}

TEST_F(MemoryFile, StoresThroughEntriesThatReadsMadeReachTheFile) {
  ASSERT_TRUE(file_->admit_area(kWritableArea).has_value());
  const ObjectPage page = take(*file_, 2);
  store(page, 0, 'y');  // nobody is told
  ASSERT_TRUE(file_->write_back(0, kAll).has_value());
  EXPECT_EQ(inode_->bytes[2 * kPageSize], 'y');
  let_go(page);
  file_->area_closed(kWritableArea);
}

TEST_F(MemoryFile, StoresThroughFaultAroundReachTheFile) {
  ASSERT_TRUE(file_->admit_area(kWritableArea).has_value());
  let_go(take(*file_, 0));
  std::array<Pfn, 1> found;
  file_->get_resident(3, found);
  ASSERT_FALSE(found[0].is_none());
  const ObjectPage page{.pfn = found[0]};
  store(page, 0, 'z');
  ASSERT_TRUE(file_->write_back(0, kAll).has_value());
  EXPECT_EQ(inode_->bytes[3 * kPageSize], 'z');
  let_go(page);
  file_->area_closed(kWritableArea);
}

TEST_F(MemoryFile, WhatNobodyCanWriteIsNotWrittenBack) {
  ASSERT_TRUE(file_->admit_area(kReadOnlyArea).has_value());
  ASSERT_TRUE(file_->admit_area(kPrivateArea).has_value());
  const ObjectPage page = take(*file_, 2);
  ASSERT_TRUE(file_->write_back(0, kAll).has_value());
  EXPECT_EQ(inode_->writes, 0u);
  let_go(page);
}

TEST_F(MemoryFile, HolesAreReadPageByPage) {
  inode_->data_ends = 2 * kPageSize;
  let_go(take(*file_, 0));
  EXPECT_EQ(file_->counts().resident, 2u);
  EXPECT_EQ(inode_->allocated, 0u);
  EXPECT_TRUE(file_->is_resident(1));
  EXPECT_FALSE(file_->is_resident(4));
  let_go(take(*file_, 4));
  EXPECT_EQ(file_->counts().resident, 3u);
  EXPECT_EQ(inode_->allocated, 1u);
}

TEST_F(MemoryFile, DataIsResidentBeforeItIsMapped) {
  EXPECT_TRUE(file_->is_resident(7));
  EXPECT_FALSE(file_->is_resident(8));
}

TEST_F(MemoryFile, BytesPastTheEndAppearWhenItGrows) {
  inode_->resize(kPageSize + 100);
  ASSERT_TRUE(file_->truncate(kPageSize + 100).has_value());
  ASSERT_TRUE(file_->admit_area(kWritableArea).has_value());
  const ObjectPage page = take(*file_, 1);
  store(page, 200, 'p');
  ASSERT_TRUE(file_->write_back(0, kAll).has_value());
  EXPECT_EQ(byte_of(page, 200), 'p');
  inode_->resize(3 * kPageSize);
  ASSERT_TRUE(file_->truncate(3 * kPageSize).has_value());
  EXPECT_EQ(byte_of(page, 200), 'p');
  ASSERT_TRUE(file_->write_back(0, kAll).has_value());
  EXPECT_EQ(inode_->bytes[kPageSize + 200], 'p');
  let_go(page);
  file_->area_closed(kWritableArea);
}

TEST_F(MemoryFile, HolesTakeWholePagesOut) {
  const ObjectPage before = take(*file_, 2), edge = take(*file_, 1);
  inode_->change(kPageSize + 100, std::string(2 * kPageSize, '\0'));
  ASSERT_TRUE(file_->punched(kPageSize + 100, 2 * kPageSize).has_value());
  EXPECT_EQ(byte_of(edge, 99), FakeInode::pattern(1));
  EXPECT_EQ(byte_of(edge, 100), 0);
  EXPECT_EQ(byte_of(before), FakeInode::pattern(2)) << "who maps it takes it out";
  EXPECT_EQ(peek(*file_, 2), 0);
  EXPECT_EQ(peek(*file_, 3, 100), FakeInode::pattern(3));
  let_go(before);
  let_go(edge);
}

TEST_F(MemoryFile, WriteSealWaitsForTheLastWriter) {
  ASSERT_TRUE(file_->admit_area(kWritableArea).has_value());
  file_->area_opened(kWritableArea);
  poke(*file_, 0, 0, 's');
  EXPECT_EQ(error_of(file_->seal(CachedFile::Seal::kWrite, succeed)), Errno::kBusy);
  file_->area_closed(kWritableArea);
  EXPECT_EQ(error_of(file_->seal(CachedFile::Seal::kWrite, succeed)), Errno::kBusy);
  file_->area_closed(kWritableArea);
  ASSERT_TRUE(file_->admit_area(kPrivateArea).has_value());
  const auto sealed = file_->seal(CachedFile::Seal::kWrite, [&]() -> Result<void> {
    EXPECT_EQ(inode_->bytes[0], 's') << "stores come before the seal";
    inode_->sealed = 1;
    return {};
  });
  EXPECT_TRUE(sealed.has_value());
  EXPECT_EQ(error_of(file_->admit_area(kWritableArea)), Errno::kPerm);
  EXPECT_TRUE(file_->admit_area(kReadOnlyArea).has_value());
  // Once more does no harm.
  EXPECT_TRUE(file_->seal(CachedFile::Seal::kWrite, succeed).has_value());
  EXPECT_EQ(error_of(file_->admit_area(kWritableArea)), Errno::kPerm);
}

TEST_F(MemoryFile, ASealThatFailsChangesNothing) {
  const auto refuse = []() -> Result<void> { return fail(Errno::kPerm); };
  EXPECT_EQ(error_of(file_->seal(CachedFile::Seal::kWrite, refuse)), Errno::kPerm);
  EXPECT_TRUE(file_->admit_area(kWritableArea).has_value());
  file_->area_closed(kWritableArea);
}

TEST_F(MemoryFile, WritersOfBeforeOutliveTheSealAgainstNewOnes) {
  ASSERT_TRUE(file_->admit_area(kWritableArea).has_value());
  const ObjectPage page = take(*file_, 0);
  const auto seal = [&]() -> Result<void> {
    inode_->sealed = 1;
    return {};
  };
  ASSERT_TRUE(file_->seal(CachedFile::Seal::kFutureWrite, seal).has_value());
  EXPECT_EQ(inode_->writers, 1u);
  store(page, 0, 'f');
  EXPECT_TRUE(file_->write_back(0, kAll).has_value());
  EXPECT_EQ(inode_->bytes[0], 'f');
  let_go(page);
  file_->area_closed(kWritableArea);
  // The host must not see a writer when all is to be sealed.
  const auto all = file_->seal(CachedFile::Seal::kWrite, [&]() -> Result<void> {
    EXPECT_EQ(inode_->writers, 0u);
    return {};
  });
  EXPECT_TRUE(all.has_value());
}

class ChargedMemoryFile : public CacheTest {
 protected:
  /// Of 32 pages 30 may be committed: what Linux keeps for root and for users rounds to one each.
  ChargedMemoryFile() {
    cache_ = std::make_unique<PageCache>(*arena_, PageCache::Config{.commitments = &ledger_});
    inode_->in_memory = true;
  }
  std::uint64_t shared_frames() {
    return count_frames(*arena_, Pfn(0), Pfn(0) + arena_->frame_count()).shared_memory;
  }

  CommitLedger ledger_{{.policy = Overcommit::kNever, .memory_pages = 32, .ratio = 100}};
  std::shared_ptr<FakeInode> inode_ = FakeInode::of_size(64 * kPageSize);
};

TEST_F(ChargedMemoryFile, PagesCountAsCommittedSharedMemoryWhileTheyAreThere) {
  inode_->data_ends = 0;
  CachedFileRef file = open(inode_);
  EXPECT_EQ(ledger_.committed(), 0U);
  let_go(take(*file, 2));
  let_go(take(*file, 40));
  EXPECT_EQ(ledger_.committed(), 2U);
  EXPECT_EQ(shared_frames(), 2U);
  ASSERT_TRUE(file->truncate(8 * kPageSize).has_value());
  EXPECT_EQ(ledger_.committed(), 1U);
  file.reset();
  cache_.reset();
  EXPECT_EQ(ledger_.committed(), 0U);
  EXPECT_EQ(shared_frames(), 0U);
}

TEST_F(ChargedMemoryFile, NearTheLimitPagesComeOneByOne) {
  const CachedFileRef file = open(inode_);
  ASSERT_TRUE(ledger_.charge(20));
  let_go(take(*file, 5));
  EXPECT_EQ(ledger_.committed(), 21U) << "32 at once would have been too many";
  EXPECT_EQ(file->counts().resident, 1U);
  ledger_.release(20);
}

TEST_F(ChargedMemoryFile, MoreThanMayBeCommittedIsNoPage) {
  inode_->data_ends = 0;
  const CachedFileRef file = open(inode_);
  std::uint64_t got = 0;
  while (got < 64) {
    const auto page = file->get_page(got, PageIntent::kWrite);
    if (!page) {
      EXPECT_EQ(page.error(), Errno::kNoSpc);
      break;
    }
    let_go(*page);
    ++got;
  }
  EXPECT_LT(got, 32U);
  EXPECT_EQ(ledger_.committed(), got);
}

}  // namespace
}  // namespace gonzo
