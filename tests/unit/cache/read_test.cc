// Pages come in: contents, windows, ends of files, errors, memory running out.
#include <set>
#include <thread>
#include <vector>

#include "unit/cache/cache_fixture.h"

namespace gonzo {
namespace {

using test::CacheTest;
using test::FakeFile;
using test::FakeInode;

using CacheRead = CacheTest;

TEST_F(CacheRead, FirstTouchIsMajorAndTheNextIsNot) {
  auto inode = FakeInode::of_size(3 * kPageSize);
  auto file = open(inode);
  const ObjectPage first = take(*file, 1);
  const ObjectPage again = take(*file, 1);
  EXPECT_TRUE(first.major);
  EXPECT_FALSE(again.major);
  EXPECT_EQ(first.pfn, again.pfn);
  EXPECT_EQ(byte_of(first), FakeInode::pattern(1));
  EXPECT_EQ(byte_of(first, kPageSize - 1), FakeInode::pattern(1));
  const Frame& frame = arena_->frame(first.pfn);
  EXPECT_EQ(frame.refs.load(), 3);
  EXPECT_EQ(frame.state, FrameState::kPageCache);
  EXPECT_EQ(frame.mapping, file.get());
  EXPECT_EQ(frame.index, 1U);
  let_go(first);
  let_go(again);
}

TEST_F(CacheRead, OneReadBringsTheWindowInOneBlock) {
  auto inode = FakeInode::of_size(100 * kPageSize);
  auto file = open(inode);
  EXPECT_EQ(peek(*file, 40), FakeInode::pattern(40));
  EXPECT_EQ(inode->reads, 1U);
  EXPECT_EQ(inode->spans, 1U);
  ASSERT_EQ(inode->read_ranges.at(0), std::pair(32 * kPageSize, std::size_t{32 * kPageSize}));
  for (std::uint64_t page = 32; page < 64; ++page) {
    EXPECT_EQ(peek(*file, page), FakeInode::pattern(page));
  }
  EXPECT_FALSE(file->is_resident(31));
  EXPECT_FALSE(file->is_resident(64));
  const CacheCounts counts = file->counts();
  EXPECT_EQ(counts.resident, 32U);
  EXPECT_EQ(counts.misses, 1U);
  EXPECT_EQ(counts.read_ahead, 31U);
  EXPECT_EQ(counts.hits, 32U);
  EXPECT_EQ(counts.reads, 1U);
}

TEST_F(CacheRead, NothingComesAlongWhereNothingIsExpected) {
  const auto inode = FakeInode::of_size(64 * kPageSize);
  const CachedFileRef file = open(inode);
  let_go(take(*file, 40, PageIntent::kReadAlone));
  EXPECT_EQ(file->counts().resident, 1U);
  let_go(take(*file, 8));
  EXPECT_EQ(file->counts().resident, 33U);
}

TEST_F(CacheRead, StreamsReadAheadFurtherAndFurther) {
  auto inode = FakeInode::of_size(1024 * kPageSize);
  auto file = open(inode);
  for (std::uint64_t page = 0; page < 1024; ++page) {
    ASSERT_EQ(peek(*file, page), FakeInode::pattern(page));
  }
  std::vector<std::size_t> windows;
  for (const auto& [offset, length] : inode->read_ranges) windows.push_back(length / kPageSize);
  EXPECT_EQ(windows, (std::vector<std::size_t>{32, 64, 128, 256, 256, 256, 32}));
  peek(*file, 0);
  EXPECT_EQ(inode->reads, windows.size());
}

TEST_F(CacheRead, AWindowLeavesWhatIsThereAlone) {
  auto inode = FakeInode::of_size(32 * kPageSize);
  auto file = open(inode);
  const ObjectPage kept = take(*file, 10);
  EXPECT_EQ(cache_->drop_clean(), 31U);
  peek(*file, 20);
  EXPECT_EQ(inode->read_ranges.back(), std::pair(11 * kPageSize, std::size_t{21 * kPageSize}));
  const ObjectPage again = take(*file, 10);
  EXPECT_EQ(again.pfn, kept.pfn);
  let_go(again);
  let_go(kept);
}

TEST_F(CacheRead, TheRestOfTheLastPageIsZero) {
  soil();
  for (const std::uint64_t last : {0, 2}) {  // read by itself, and in a window
    auto inode = FakeInode::of_size(last * kPageSize + 100);
    inode->identity.inode = last;
    auto file = open(inode);
    const ObjectPage page = take(*file, last);
    EXPECT_EQ(byte_of(page, 99), FakeInode::pattern(last));
    for (std::size_t at = 100; at < kPageSize; ++at) ASSERT_EQ(byte_of(page, at), 0);
    let_go(page);
  }
}

TEST_F(CacheRead, PastTheEndIsEfault) {
  auto inode = FakeInode::of_size(kPageSize + 1);
  auto file = open(inode);
  EXPECT_EQ(error_of(file->get_page(2, PageIntent::kRead)), Errno::kFault);
  EXPECT_EQ(error_of(file->get_page(~0ULL >> kPageShift, PageIntent::kWrite)), Errno::kFault);
  inode->resize(0);
  EXPECT_EQ(error_of(file->get_page(0, PageIntent::kRead)), Errno::kFault);
  EXPECT_EQ(inode->reads, 0U);
}

TEST_F(CacheRead, AHoleOfTerabytesCostsNothing) {
  auto inode = FakeInode::of_size(0);
  class Sparse final : public BackingFile {
   public:
    FileIdentity identity() const override { return {.inode = 7}; }
    Result<std::uint64_t> size() override { return std::uint64_t{1} << 50; }
    Result<FileStatus> status() override { return FileStatus{.size = std::uint64_t{1} << 50}; }
    Result<std::size_t> read_at(std::uint64_t offset,
                                std::span<const std::span<std::byte>> into) override {
      std::size_t done = 0;
      for (const auto& span : into) {
        std::memset(span.data(), static_cast<int>(offset >> 40 & 0xff), span.size());
        done += span.size();
      }
      return done;
    }
    Result<void> write_at(std::uint64_t, std::span<const std::span<const std::byte>>) override {
      return {};
    }
    Result<void> flush() override { return {}; }
    bool is_writable() const override { return false; }
    std::string path() const override { return "/sparse"; }
  };
  auto file = *cache_->open(std::make_shared<Sparse>());
  for (std::uint64_t tib = 1; tib < 256; tib += 50) {
    EXPECT_EQ(peek(*file, tib << (40 - kPageShift)), static_cast<int>(tib));
  }
}

TEST_F(CacheRead, ResidentPagesAreGivenWithoutReading) {
  auto inode = FakeInode::of_size(40 * kPageSize);
  auto file = open(inode);
  peek(*file, 0);
  std::vector<Pfn> pages(16);
  file->get_resident(24, pages);
  EXPECT_EQ(inode->reads, 1U);
  for (std::size_t i = 0; i < 8; ++i) {
    ASSERT_FALSE(pages[i].is_none());
    EXPECT_EQ(byte_of({.pfn = pages[i]}), FakeInode::pattern(24 + i));
    EXPECT_EQ(arena_->frame(pages[i]).refs.load(), 2);
    arena_->put(pages[i]);
  }
  for (std::size_t i = 8; i < 16; ++i) EXPECT_TRUE(pages[i].is_none());
}

TEST_F(CacheRead, AFailedReadIsEioAndLeavesNothing) {
  auto inode = FakeInode::of_size(8 * kPageSize);
  auto file = open(inode);
  inode->read_error = Errno::kNxIo;
  EXPECT_EQ(error_of(file->get_page(3, PageIntent::kRead)), Errno::kIo);
  EXPECT_EQ(file->counts().resident, 0U);
  inode->read_error.reset();
  EXPECT_EQ(peek(*file, 3), FakeInode::pattern(3));
  inode->status_error = Errno::kNxIo;
  EXPECT_EQ(error_of(file->get_page(3, PageIntent::kRead)), Errno::kIo);
  inode->status_error.reset();
}

TEST_F(CacheRead, ABadSectorInTheWindowHurtsOnlyItsOwnPage) {
  auto inode = FakeInode::of_size(32 * kPageSize);
  inode->bad_from = 5 * kPageSize + 512;
  auto file = open(inode);
  EXPECT_EQ(peek(*file, 2), FakeInode::pattern(2));
  EXPECT_TRUE(file->is_resident(4));
  EXPECT_FALSE(file->is_resident(5));
  EXPECT_EQ(error_of(file->get_page(6, PageIntent::kRead)), Errno::kIo);
  EXPECT_EQ(peek(*file, 4), FakeInode::pattern(4));
}

TEST_F(CacheRead, WithLittleMemoryTheAskedPageComesAlone) {
  auto inode = FakeInode::of_size(64 * kPageSize);
  auto file = open(inode);
  std::vector<Pfn> hoard;
  while (auto frame = arena_->allocate(0, FrameState::kKernel, ZeroPolicy::kDontCare)) {
    hoard.push_back(*frame);
  }
  EXPECT_EQ(error_of(file->get_page(9, PageIntent::kRead)), Errno::kNoMem);
  arena_->free(hoard.back(), 0);
  hoard.pop_back();
  EXPECT_EQ(peek(*file, 9), FakeInode::pattern(9));
  EXPECT_EQ(file->counts().resident, 1U);
  EXPECT_EQ(error_of(file->get_page(10, PageIntent::kRead)), Errno::kNoMem);
  for (const Pfn frame : hoard) arena_->free(frame, 0);
}

TEST_F(CacheRead, EveryAllocationMayFail) {
  auto inode = FakeInode::of_size(23 * kPageSize);  // blocks of 16, 4, 2 and 1
  for (std::uint64_t nth = 1; nth < 8; ++nth) {
    auto file = open(inode);
    arena_->fail_nth(nth);
    EXPECT_EQ(peek(*file, 22), FakeInode::pattern(22));
    arena_->fail_nth(0);
    EXPECT_EQ(cache_->verify(), "");
    EXPECT_EQ(cache_->drop_clean(), nth <= 4 ? 1U : 23U);
    EXPECT_EQ(arena_.used(FrameState::kPageCache), 0U);
  }
}

TEST_F(CacheRead, OneReadsWhileOthersWait) {
  auto inode = FakeInode::of_size(8 * kPageSize);
  auto file = open(inode);
  inode->hold = FakeInode::Hold::kBeforeReading;
  std::vector<std::thread> threads;
  std::vector<ObjectPage> pages(4);
  threads.emplace_back([&] { pages[0] = take(*file, 0); });
  inode->await_reader();
  for (std::size_t i = 1; i < 4; ++i) {
    threads.emplace_back([&, i] { pages[i] = take(*file, i % 2); });
  }
  // Being read is not being there.
  EXPECT_FALSE(file->is_resident(0));
  std::vector<Pfn> there(8);
  file->get_resident(0, there);
  for (const Pfn pfn : there) EXPECT_TRUE(pfn.is_none());
  inode->release_readers();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(inode->reads, 1U);
  EXPECT_TRUE(pages[0].major);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_FALSE(pages[i].major);
  EXPECT_EQ(pages[0].pfn, pages[2].pfn);
  for (const ObjectPage& page : pages) let_go(page);
}

TEST_F(CacheRead, WaitersOfAFailedReadFailThemselves) {
  auto inode = FakeInode::of_size(kPageSize);
  auto file = open(inode);
  inode->hold = FakeInode::Hold::kBeforeReading;
  inode->read_error = Errno::kIo;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back(
        [&] { EXPECT_EQ(error_of(file->get_page(0, PageIntent::kRead)), Errno::kIo); });
  }
  inode->await_reader();
  inode->release_readers();
  for (auto& thread : threads) thread.join();
}

TEST_F(CacheRead, ThreadsOnOneFileAgree) {
  auto inode = FakeInode::of_size(300 * kPageSize);
  auto file = open(inode);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 3000; ++i) {
        const std::uint64_t page = (i * 37 + t * 101) % 300;
        ASSERT_EQ(peek(*file, page), FakeInode::pattern(page));
        if (i % 50 == 0) cache_->shrink(40);
        if (i % 100 == 1) {
          std::vector<Pfn> around(16);
          file->get_resident(page, around);
          for (const Pfn pfn : around) {
            if (!pfn.is_none()) arena_->put(pfn);
          }
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace gonzo
