// The file changes under its mappings: truncation, growth, writes around the cache.
#include <thread>

#include "unit/cache/cache_fixture.h"

namespace gonzo {
namespace {

using test::CacheTest;
using test::FakeFile;
using test::FakeInode;

using Coherence = CacheTest;

TEST_F(Coherence, PagesPastATruncationAreGone) {
  auto inode = FakeInode::of_size(10 * kPageSize);
  auto file = open(inode);
  const ObjectPage mapped = take(*file, 6, PageIntent::kWrite);
  const ObjectPage last = take(*file, 4);
  inode->resize(4 * kPageSize + 50);
  EXPECT_EQ(error_of(file->get_page(6, PageIntent::kRead)), Errno::kFault);
  EXPECT_FALSE(file->is_resident(6));
  EXPECT_EQ(file->counts().resident, 5U);
  EXPECT_EQ(file->counts().dirty, 0U);
  EXPECT_EQ(arena_->frame(mapped.pfn).mapping, nullptr);
  EXPECT_EQ(arena_->frame(mapped.pfn).refs.load(), 1);
  EXPECT_EQ(byte_of(last, 49), FakeInode::pattern(4));
  EXPECT_EQ(byte_of(last, 50), 0);
  file->mark_dirty(6);  // from the entry that still maps it: nowhere to go
  EXPECT_EQ(file->counts().dirty, 0U);
  let_go(mapped);
  let_go(last);
}

TEST_F(Coherence, TruncateActsAtOnce) {
  auto inode = FakeInode::of_size(3 * kPageSize);
  auto file = open(inode);
  poke(*file, 2, 0, 'x');
  inode->resize(kPageSize);
  ASSERT_TRUE(file->truncate(kPageSize).has_value());
  EXPECT_EQ(file->counts().resident, 1U);
  inode->resize(3 * kPageSize);
  ASSERT_TRUE(file->truncate(3 * kPageSize).has_value());
  EXPECT_EQ(peek(*file, 2), 0);
}

TEST_F(Coherence, GrowthShowsInTheOldLastPage) {
  auto inode = FakeInode::of_size(100);
  auto file = open(inode);
  const ObjectPage page = take(*file, 0, PageIntent::kWrite);
  store(page, 50, 'm');
  store(page, 200, 'm');  // past the end: not part of the file
  inode->change(150, "grown");
  inode->change(2 * kPageSize, "far");
  EXPECT_EQ(peek(*file, 2), 'f');
  EXPECT_EQ(byte_of(page, 50), 'm');
  EXPECT_EQ(byte_of(page, 150), 'g');
  EXPECT_EQ(byte_of(page, 200), 0);
  let_go(page);
}

TEST_F(Coherence, AWriteShowsInMappedFramesInPlace) {
  auto inode = FakeInode::of_size(8 * kPageSize);
  auto file = open(inode);
  const ObjectPage mapped = take(*file, 2, PageIntent::kWrite);
  store(mapped, 10, 'm');
  inode->change(2 * kPageSize + 20, "written");
  ASSERT_TRUE(file->host_wrote(2 * kPageSize + 20, 7).has_value());
  EXPECT_EQ(byte_of(mapped, 20), 'w');
  EXPECT_EQ(byte_of(mapped, 26), 'n');
  EXPECT_EQ(byte_of(mapped, 10), 'm');  // the mapping's own store is still there
  const ObjectPage again = take(*file, 2);
  EXPECT_EQ(again.pfn, mapped.pfn);
  let_go(again);
  let_go(mapped);
  ASSERT_TRUE(file->sync(0, 8).has_value());
  EXPECT_EQ(inode->bytes.substr(2 * kPageSize + 20, 7), "written");
  EXPECT_EQ(inode->bytes[2 * kPageSize + 10], 'm');
}

TEST_F(Coherence, AWriteOverManyPagesReachesAll) {
  auto inode = FakeInode::of_size(8 * kPageSize);
  auto file = open(inode);
  const ObjectPage mapped = take(*file, 3);
  peek(*file, 1);
  inode->change(kPageSize + 1, std::string(6 * kPageSize, 'W'));
  ASSERT_TRUE(file->host_wrote(kPageSize + 1, 6 * kPageSize).has_value());
  EXPECT_EQ(byte_of(mapped, 0), 'W');
  EXPECT_EQ(byte_of(mapped, kPageSize - 1), 'W');
  EXPECT_EQ(file->counts().resident, 2U);  // page 0, unwritten, and this one; unused ones went
  EXPECT_EQ(peek(*file, 1, 0), FakeInode::pattern(1));
  EXPECT_EQ(peek(*file, 1, 1), 'W');
  EXPECT_EQ(peek(*file, 7, 0), 'W');
  EXPECT_EQ(peek(*file, 7, 1), FakeInode::pattern(7));
  EXPECT_TRUE(file->host_wrote(100 * kPageSize, 5).has_value());
  EXPECT_TRUE(file->host_wrote(0, ~0ULL).has_value());
  let_go(mapped);
}

TEST_F(Coherence, AnUnreadableWriteIsEio) {
  auto inode = FakeInode::of_size(kPageSize);
  auto file = open(inode);
  const ObjectPage mapped = take(*file, 0);
  inode->read_error = Errno::kIo;
  EXPECT_EQ(error_of(file->host_wrote(0, 10)), Errno::kIo);
  let_go(mapped);
}

TEST_F(Coherence, NoWritebackComesBetweenAWriteAndItsShowing) {
  auto inode = FakeInode::of_size(kPageSize);
  auto file = open(inode);
  const ObjectPage mapped = take(*file, 0, PageIntent::kWrite);
  store(mapped, 0, 'm');
  std::thread syncer;
  const auto written = file->write_through([&]() -> Result<ByteRange> {
    inode->change(100, "new");
    syncer = std::thread([&] { EXPECT_TRUE(file->sync(0, 1).has_value()); });
    for (int i = 0; i < 1000; ++i) {
      std::this_thread::yield();  // the more often, the surer a missing lock is caught
      const std::lock_guard guard(inode->mutex);
      EXPECT_EQ(inode->writes, 0U);
    }
    return ByteRange{.offset = 100, .length = 3};
  });
  syncer.join();
  ASSERT_TRUE(written.has_value());
  EXPECT_EQ(written->length, 3U);
  EXPECT_EQ(inode->bytes.substr(100, 3), "new");
  EXPECT_EQ(inode->bytes[0], 'm');
  EXPECT_EQ(byte_of(mapped, 100), 'n');
  let_go(mapped);
  EXPECT_EQ(error_of(file->write_through([]() -> Result<ByteRange> { return fail(Errno::kFBig); })),
            Errno::kFBig);
}

TEST_F(Coherence, AWriteThatARunningReadMissedIsSeen) {
  auto inode = FakeInode::of_size(4 * kPageSize);
  auto file = open(inode);
  inode->hold = FakeInode::Hold::kAfterReading;
  std::thread reader([&] { let_go(take(*file, 0)); });
  inode->await_reader();
  std::thread writer([&] {
    inode->change(0, "W");
    EXPECT_TRUE(file->host_wrote(0, 1).has_value());
  });
  inode->release_readers();
  reader.join();
  writer.join();
  EXPECT_EQ(peek(*file, 0), 'W');
}

TEST_F(Coherence, PagesThatWereBeingReadAreTruncatedToo) {
  auto inode = FakeInode::of_size(8 * kPageSize);
  auto file = open(inode);
  inode->hold = FakeInode::Hold::kAfterReading;
  std::thread reader([&] { let_go(take(*file, 5)); });
  inode->await_reader();
  std::thread truncater([&] {
    inode->resize(2 * kPageSize + 9);
    EXPECT_TRUE(file->truncate(2 * kPageSize + 9).has_value());
    EXPECT_EQ(file->counts().resident, 3U);
  });
  inode->release_readers();
  reader.join();
  truncater.join();
  EXPECT_EQ(peek(*file, 2, 9), 0);
}

TEST_F(Coherence, ATruncationDuringAReadIsSeen) {
  auto inode = FakeInode::of_size(8 * kPageSize);
  auto file = open(inode);
  inode->hold = FakeInode::Hold::kBeforeReading;
  std::thread reader([&] {
    const auto page = file->get_page(5, PageIntent::kRead);
    EXPECT_EQ(error_of(page), Errno::kFault);
  });
  inode->await_reader();
  inode->resize(2 * kPageSize + 9);
  inode->release_readers();
  reader.join();
  EXPECT_EQ(peek(*file, 2, 8), FakeInode::pattern(2));
  EXPECT_EQ(peek(*file, 2, 9), 0);
  EXPECT_FALSE(file->is_resident(3));
}

TEST_F(Coherence, SizesThatKeepChangingNeverLeaveStalePages) {
  auto inode = FakeInode::of_size(16 * kPageSize);
  auto file = open(inode);
  std::thread resizer([&] {
    for (std::uint64_t i = 0; i < 300; ++i) {
      inode->resize((i % 2 == 0 ? 3 : 16) * kPageSize + i);
      EXPECT_TRUE(file->truncate(inode->bytes.size()).has_value());
    }
  });
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const auto page = file->get_page(i % 17, PageIntent::kWrite);
    if (page) {
      let_go(*page);
    } else {
      EXPECT_EQ(page.error(), Errno::kFault);
    }
  }
  resizer.join();
  inode->resize(2 * kPageSize);
  EXPECT_EQ(error_of(file->get_page(2, PageIntent::kRead)), Errno::kFault);
  EXPECT_LE(file->counts().resident, 2U);
}

}  // namespace
}  // namespace gonzo
