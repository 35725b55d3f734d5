// Dirty pages go back to the file: contents, bounds, errors, durability.
#include <atomic>
#include <thread>

#include "unit/cache/cache_fixture.h"

namespace gonzo {
namespace {

using test::CacheTest;
using test::FakeFile;
using test::FakeInode;

constexpr std::uint64_t kAll = 1 << 20;

using Writeback = CacheTest;

TEST_F(Writeback, SyncWritesTheDirtyPagesOfTheRangeInRuns) {
  auto inode = FakeInode::of_size(32 * kPageSize);
  auto file = open(inode);
  for (const std::uint64_t page : {3, 4, 5, 9, 20}) poke(*file, page, 7, 'D');
  EXPECT_EQ(file->counts().dirty, 5U);
  ASSERT_TRUE(file->sync(4, 10).has_value());
  EXPECT_EQ(inode->write_ranges, (std::vector<std::pair<std::uint64_t, std::size_t>>{
                                     {4 * kPageSize, 2 * kPageSize}, {9 * kPageSize, kPageSize}}));
  EXPECT_EQ(inode->bytes[4 * kPageSize + 7], 'D');
  EXPECT_EQ(inode->bytes[4 * kPageSize + 8], FakeInode::pattern(4));
  EXPECT_EQ(inode->bytes[3 * kPageSize + 7], FakeInode::pattern(3));
  EXPECT_EQ(file->counts().dirty, 2U);
  EXPECT_EQ(inode->flushes, 1U);
  ASSERT_TRUE(file->sync(0, kAll).has_value());
  EXPECT_EQ(file->counts().dirty, 0U);
  EXPECT_EQ(file->counts().written, 5U);
  ASSERT_TRUE(file->sync(0, kAll).has_value());
  EXPECT_EQ(inode->writes, 4U);
  EXPECT_EQ(inode->flushes, 2U);
}

TEST_F(Writeback, ADirtyBitFoundLaterWritesAgain) {
  auto inode = FakeInode::of_size(kPageSize);
  auto file = open(inode);
  const ObjectPage page = take(*file, 0, PageIntent::kWrite);
  store(page, 0, 'a');
  ASSERT_TRUE(file->sync(0, 1).has_value());
  store(page, 0, 'b');
  ASSERT_TRUE(file->sync(0, 1).has_value());
  EXPECT_EQ(inode->bytes[0], 'a');
  file->mark_dirty(0);
  let_go(page);
  ASSERT_TRUE(file->sync(0, 1).has_value());
  EXPECT_EQ(inode->bytes[0], 'b');
}

TEST_F(Writeback, StoresThatNobodyToldOfAreFoundWhileMapped) {
  auto inode = FakeInode::of_size(2 * kPageSize);
  auto file = open(inode);
  const ObjectPage written = take(*file, 0, PageIntent::kWrite);
  const ObjectPage upgraded = take(*file, 1);
  file->mark_dirty(1);
  for (const char round : {'a', 'b'}) {
    // The entries are dirty already: the second round's stores cause no fault.
    store(written, 0, round);
    store(upgraded, 0, round);
    ASSERT_TRUE(file->write_back(0, 1).has_value());
    EXPECT_EQ(inode->bytes[0], round);
    ASSERT_TRUE(file->write_back(0, kAll).has_value());
    EXPECT_EQ(inode->bytes[kPageSize], round);
  }
  let_go(written);
  let_go(upgraded);
  const std::size_t before = inode->writes;
  ASSERT_TRUE(file->write_back(0, kAll).has_value());
  EXPECT_EQ(inode->writes, before);
}

TEST_F(Writeback, APageMappedAgainIsSuspectedAgain) {
  auto inode = FakeInode::of_size(kPageSize);
  auto file = open(inode);
  poke(*file, 0, 0, 'a');
  const ObjectPage mapped = take(*file, 0, PageIntent::kWrite);
  ASSERT_TRUE(file->sync(0, kAll).has_value());
  store(mapped, 0, 'b');
  ASSERT_TRUE(file->write_back(0, kAll).has_value());
  EXPECT_EQ(inode->bytes[0], 'b');
  let_go(mapped);
}

TEST_F(Writeback, NeverExtendsTheFile) {
  auto inode = FakeInode::of_size(kPageSize + 10);
  auto file = open(inode);
  const ObjectPage page = take(*file, 1, PageIntent::kWrite);
  store(page, 9, 'x');
  store(page, 10, 'y');
  ASSERT_TRUE(file->sync(0, kAll).has_value());
  EXPECT_EQ(inode->bytes.size(), kPageSize + 10);
  EXPECT_EQ(inode->bytes[kPageSize + 9], 'x');
  EXPECT_EQ(byte_of(page, 10), 0);  // as Linux: written pages are zeroed past the end
  let_go(page);
  poke(*file, 1, 0, 'z');
  inode->resize(100);
  ASSERT_TRUE(file->sync(0, kAll).has_value());
  EXPECT_EQ(inode->bytes.size(), 100U);
}

TEST_F(Writeback, AnErrorIsReportedOnce) {
  auto inode = FakeInode::of_size(4 * kPageSize);
  auto file = open(inode);
  poke(*file, 0, 0, 'x');
  inode->write_error = Errno::kNoSpc;
  EXPECT_EQ(error_of(file->sync(0, kAll)), Errno::kNoSpc);
  EXPECT_TRUE(file->sync(0, kAll).has_value());
  EXPECT_EQ(file->counts().dirty, 0U);
  EXPECT_EQ(peek(*file, 0), 'x');  // still what the mapping stored

  poke(*file, 1, 0, 'x');
  inode->write_error = Errno::kIo;
  EXPECT_EQ(error_of(cache_->sync_all()), Errno::kIo);
  inode->write_error.reset();
  EXPECT_EQ(error_of(file->sync(0, kAll)), Errno::kIo);
  EXPECT_TRUE(file->sync(0, kAll).has_value());

  poke(*file, 2, 0, 'x');
  inode->flush_error = Errno::kIo;
  EXPECT_EQ(error_of(file->sync(0, kAll)), Errno::kIo);
  EXPECT_TRUE(file->sync(0, kAll).has_value());
}

TEST_F(Writeback, HandingOverIsNotFlushing) {
  auto inode = FakeInode::of_size(kPageSize);
  auto file = open(inode);
  poke(*file, 0, 0, 'x');
  ASSERT_TRUE(file->write_back(0, kAll).has_value());
  EXPECT_EQ(inode->bytes[0], 'x');
  EXPECT_EQ(inode->flushes, 0U);
  ASSERT_TRUE(file->sync(0, kAll).has_value());
  EXPECT_EQ(inode->writes, 1U);
  EXPECT_EQ(inode->flushes, 1U);
}

TEST_F(Writeback, GoesThroughTheFirstWritableOpen) {
  auto inode = FakeInode::of_size(kPageSize);
  auto reader = open(inode, FakeFile::Mode::kRead);
  auto writer = open(inode, FakeFile::Mode::kReadWrite);
  ASSERT_EQ(reader, writer);
  poke(*writer, 0, 0, 'x');
  ASSERT_TRUE(reader->sync(0, kAll).has_value());
  EXPECT_EQ(inode->bytes[0], 'x');
}

TEST_F(Writeback, WithoutAWritableOpenIsAnError) {
  auto inode = FakeInode::of_size(kPageSize);
  auto file = open(inode, FakeFile::Mode::kRead);
  poke(*file, 0, 0, 'x');
  EXPECT_EQ(error_of(file->sync(0, kAll)), Errno::kBadF);
}

TEST_F(Writeback, TheEndOfTheCacheWritesBack) {
  auto inode = FakeInode::of_size(2 * kPageSize);
  auto file = open(inode);
  poke(*file, 0, 0, 'x');
  cache_.reset();
  EXPECT_EQ(inode->bytes[0], 'x');
  poke(*file, 1, 0, 'y');
  file.reset();
  EXPECT_EQ(inode->bytes[kPageSize], 'y');
}

TEST_F(Writeback, StoresDuringWritebackAreNotLost) {
  constexpr std::uint64_t kPages = 16;
  constexpr char kRounds = 100;
  auto inode = FakeInode::of_size(kPages * kPageSize);
  auto file = open(inode);
  std::atomic<bool> done{false};
  std::thread syncer([&] {
    while (!done.load()) EXPECT_TRUE(file->write_back(0, kAll).has_value());
  });
  for (char round = 1; round <= kRounds; ++round) {
    for (std::uint64_t page = 0; page < kPages; ++page) {
      const ObjectPage mapped = take(*file, page);
      {
        const std::lock_guard against_the_copy(inode->mutex);
        store(mapped, 1, round);
      }
      file->mark_dirty(page);
      let_go(mapped);
    }
  }
  done.store(true);
  syncer.join();
  ASSERT_TRUE(file->sync(0, kAll).has_value());
  for (std::uint64_t page = 0; page < kPages; ++page) {
    EXPECT_EQ(inode->bytes[page * kPageSize + 1], kRounds);
  }
}

}  // namespace
}  // namespace gonzo
