// Which opens share pages, how long pages stay, how they are given back.
#include <thread>
#include <vector>

#include "unit/cache/cache_fixture.h"

namespace gonzo {
namespace {

using test::CacheTest;
using test::FakeFile;
using test::FakeInode;

std::shared_ptr<FakeInode> numbered(std::uint64_t number, std::uint64_t pages) {
  auto inode = FakeInode::of_size(pages * kPageSize);
  inode->identity.inode = number;
  return inode;
}

class Cache : public CacheTest {
 protected:
  Cache() : CacheTest({.most_files = 4}) {}
};

TEST_F(Cache, OneIdentityIsOneObject) {
  auto inode = numbered(1, 4);
  auto one = open(inode, FakeFile::Mode::kRead, "/one");
  auto two = open(inode, FakeFile::Mode::kRead, "/two");
  EXPECT_EQ(one, two);
  EXPECT_NE(one, open(numbered(2, 4)));
  EXPECT_EQ(cache_->find(inode->identity), one);
  EXPECT_EQ(cache_->find({.inode = 99}), nullptr);
  const ObjectName name = one->name();
  EXPECT_EQ(name.path, "/one");
  EXPECT_EQ(name.inode, 1U);
  EXPECT_EQ(name.device_major, 8U);
  EXPECT_EQ(name.device_minor, 1U);
  EXPECT_FALSE(one->is_shmem());
}

TEST_F(Cache, PagesOutliveTheirLastMapping) {
  auto inode = numbered(1, 8);
  peek(*open(inode), 0);
  auto file = open(inode, FakeFile::Mode::kRead, "/again");
  EXPECT_EQ(peek(*file, 7), FakeInode::pattern(7));
  EXPECT_EQ(inode->reads, 1U);
  EXPECT_EQ(file->name().path, "/again");
}

TEST_F(Cache, AFileChangedWhileNobodyUsedItIsReadAgain) {
  auto inode = numbered(1, 8);
  peek(*open(inode), 0);
  inode->change(0, "new");
  auto file = open(inode);
  EXPECT_EQ(file->counts().resident, 0U);
  EXPECT_EQ(peek(*file, 0), 'n');
}

TEST_F(Cache, AStampTakenTooSoonIsNotTrusted) {
  auto inode = numbered(1, 8);
  inode->status.settled = false;
  peek(*open(inode), 0);
  inode->bytes[0] = 'n';  // in the same tick: no time moves
  inode->status.settled = true;
  EXPECT_EQ(peek(*open(inode), 0), 'n');
  EXPECT_EQ(peek(*open(inode), 0), 'n');
  EXPECT_EQ(inode->reads, 2U);
}

TEST_F(Cache, OurOwnWritebackIsNotAChange) {
  auto inode = numbered(1, 8);
  poke(*open(inode), 0, 0, 'x');
  auto file = open(inode);
  EXPECT_EQ(inode->bytes[0], 'x');
  EXPECT_EQ(file->counts().resident, 8U);
  ASSERT_TRUE(file->write_through([&]() -> Result<ByteRange> {
    inode->change(1, "y");
    return ByteRange{.offset = 1, .length = 1};
  }));
  peek(*file, 0);
  file.reset();
  EXPECT_EQ(open(inode)->counts().resident, 8U);
}

TEST_F(Cache, AFileChangedWhileInUseLosesOnlyUnusedPages) {
  auto inode = numbered(1, 8);
  auto file = open(inode);
  const ObjectPage mapped = take(*file, 3);
  inode->change(0, "new");
  open(inode);
  EXPECT_EQ(file->counts().resident, 1U);
  EXPECT_EQ(peek(*file, 0), 'n');
  let_go(mapped);
  file.reset();
  EXPECT_EQ(open(inode)->counts().resident, 0U);
}

TEST_F(Cache, ShrinkTakesUnusedPagesOfTheOldestFirst) {
  auto old_inode = numbered(1, 8);
  auto new_inode = numbered(2, 8);
  peek(*open(new_inode), 0);
  peek(*open(old_inode), 0);
  auto newer = open(new_inode);
  EXPECT_EQ(cache_->shrink(6), 6U);
  EXPECT_EQ(newer->counts().resident, 8U);
  EXPECT_EQ(cache_->find(old_inode->identity)->counts().resident, 2U);
  const ObjectPage mapped = take(*newer, 5);
  EXPECT_EQ(cache_->shrink(100), 9U);
  EXPECT_EQ(cache_->shrink(100), 0U);
  EXPECT_TRUE(newer->is_resident(5));
  let_go(mapped);
}

TEST_F(Cache, ShrinkWritesDirtyPagesBackWhenCleanOnesAreTooFew) {
  auto inode = numbered(1, 8);
  auto file = open(inode);
  for (std::uint64_t page = 0; page < 6; ++page) poke(*file, page, 0, 'd');
  EXPECT_EQ(cache_->drop_clean(), 2U);
  EXPECT_EQ(cache_->shrink(4), 4U);
  EXPECT_EQ(inode->bytes[0], 'd');
  EXPECT_EQ(file->counts().resident, 2U);
}

TEST_F(Cache, ShrinkKeepsWhatCouldNotBeWritten) {
  auto inode = numbered(1, 2);
  auto file = open(inode);
  poke(*file, 0, 0, 'd');
  inode->write_error = Errno::kNoSpc;
  EXPECT_EQ(cache_->shrink(2), 1U);
  EXPECT_EQ(peek(*file, 0), 'd');
  EXPECT_EQ(error_of(file->sync(0, 2)), Errno::kNoSpc);
}

TEST_F(Cache, IdleFilesGiveWayFilesInUseDoNot) {
  auto held = open(numbered(100, 1));
  std::vector<std::weak_ptr<FakeInode>> inodes;
  for (std::uint64_t i = 0; i < 10; ++i) {
    auto inode = numbered(i, 1);
    inodes.push_back(inode);
    peek(*open(inode), 0);
  }
  const PageCacheStats stats = cache_->stats();
  EXPECT_EQ(stats.files, 4U);
  EXPECT_EQ(stats.pages.misses, 10U);
  EXPECT_EQ(stats.pages.resident, 3U);
  EXPECT_TRUE(inodes[0].expired());
  EXPECT_FALSE(inodes[9].expired());
  EXPECT_EQ(cache_->find({.device_major = 8, .device_minor = 1, .inode = 100}), held);
}

TEST_F(Cache, TrimForgetsDeletedFilesAndClosesWriters) {
  auto deleted = numbered(1, 4);
  peek(*open(deleted), 0);
  deleted->status.links = 0;
  auto mapped = numbered(2, 4);
  mapped->status.links = 0;
  auto file = open(mapped);
  auto written = numbered(3, 4);
  auto writer = std::make_shared<FakeFile>(written, FakeFile::Mode::kReadWrite);
  const std::weak_ptr<FakeFile> watch = writer;
  {
    auto shared = open(written, FakeFile::Mode::kRead);
    ASSERT_TRUE(cache_->open(std::move(writer)).has_value());
    poke(*shared, 0, 0, 'x');
  }
  EXPECT_FALSE(watch.expired());
  cache_->trim();
  EXPECT_TRUE(watch.expired());
  EXPECT_EQ(written->bytes[0], 'x');
  EXPECT_EQ(cache_->find(deleted->identity), nullptr);
  EXPECT_EQ(cache_->find(mapped->identity), file);
}

TEST_F(Cache, AFileThatCannotBeAskedCannotBeOpened) {
  auto inode = numbered(1, 1);
  inode->status_error = Errno::kIo;
  EXPECT_EQ(error_of(cache_->open(std::make_shared<FakeFile>(inode))), Errno::kIo);
  EXPECT_EQ(cache_->stats().files, 0U);
}

TEST_F(Cache, ConcurrentOpensShare) {
  std::vector<std::shared_ptr<FakeInode>> inodes;
  for (std::uint64_t i = 0; i < 6; ++i) inodes.push_back(numbered(i, 3));
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 500; ++i) {
        auto file = open(inodes[(i + t) % inodes.size()]);
        ASSERT_EQ(peek(*file, i % 3), FakeInode::pattern(i % 3));
        if (i % 40 == 0) cache_->trim();
        if (i % 60 == 0) static_cast<void>(cache_->sync_all());
        if (i % 80 == 0) cache_->stats();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(cache_->stats().files, 4U);
}

}  // namespace
}  // namespace gonzo
