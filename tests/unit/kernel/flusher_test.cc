// Dirty pages go back: at once when there are too many, all when asked.
#include "kernel/flusher.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "unit/cache/fake_file.h"
#include "unit/mm/guest.h"

namespace gonzo::test {
namespace {

class FlusherTest : public Guest {
 protected:
  static constexpr std::uint64_t kPages = 1024;

  void SetUp() override {
    start({.bytes = 4 * kPages * kPageSize});
    files_ =
        std::make_unique<PageCache>(*frames_, PageCache::Config{.objects = &manager_->objects()});
  }
  void TearDown() override {
    manager_->set_dirty_page_handler(nullptr);
    flusher_.reset();
    space_.reset();
    file_.reset();
    files_.reset();
    stop();
  }
  void serve(const Flusher::Limits& limits, bool in_memory = false) {
    flusher_ = std::make_unique<Flusher>(*manager_, *files_, limits);
    manager_->set_dirty_page_handler(flusher_.get());
    inode_ = FakeInode::of_size(kPages * kPageSize);
    inode_->in_memory = in_memory;
    file_ = *files_->open(std::make_shared<FakeFile>(inode_));
    must_map({.hint = kBase,
              .length = kPages * kPageSize,
              .protection = PROT_READ | PROT_WRITE,
              .flags = MAP_SHARED | MAP_FIXED,
              .object = file_});
  }
  std::uint64_t dirty() { return manager_->objects().dirty_pages(); }

  std::shared_ptr<FakeInode> inode_;
  std::unique_ptr<PageCache> files_;
  CachedFileRef file_;
  std::unique_ptr<Flusher> flusher_;
};

TEST_F(FlusherTest, WritesAllWhenAsked) {
  serve({});
  poke(page(3), 99);
  poke(page(700), 98);
  EXPECT_EQ(dirty(), 2U);
  EXPECT_TRUE(flusher_->write_all().has_value());
  EXPECT_EQ(dirty(), 0U);
  EXPECT_EQ(inode_->bytes[3 * kPageSize], 99);
  EXPECT_EQ(inode_->bytes[700 * kPageSize], 98);
  EXPECT_FALSE(entry(page(3)).is_writable());
  poke(page(3), 97);
  EXPECT_EQ(dirty(), 1U);
  EXPECT_TRUE(flusher_->write_all().has_value());
  EXPECT_EQ(inode_->bytes[3 * kPageSize], 97);
}

TEST_F(FlusherTest, WritesFilesInMemoryTooWhoseWritesNobodySees) {
  serve({}, true);
  EXPECT_EQ(peek(page(5)), FakeInode::pattern(5));
  *bytes(page(5)) = std::byte{77};
  EXPECT_EQ(dirty(), 0U);
  EXPECT_TRUE(flusher_->write_all().has_value());
  EXPECT_EQ(inode_->bytes[5 * kPageSize], 77);
}

TEST_F(FlusherTest, WhoeverDirtiesTooMuchWrites) {
  serve({.background_percent = 1, .percent = 2, .interval = std::chrono::hours(1)});
  for (std::uint64_t i = 0; i < kPages; ++i) poke(page(i), 5);
  // The background thread helps, or not: the writer alone keeps the limit.
  EXPECT_LT(dirty(), 4 * kPages / 50 + 64);
  EXPECT_GE(inode_->writes, 1U);
}

TEST_F(FlusherTest, WritesOldPagesInTheBackground) {
  serve({.interval = std::chrono::milliseconds(1), .expire = std::chrono::milliseconds(1)});
  poke(page(9), 42);
  const auto stored = [&] {
    const std::lock_guard guard(inode_->mutex);
    return inode_->bytes[9 * kPageSize];
  };
  while (stored() != 42) std::this_thread::yield();
  EXPECT_EQ(dirty(), 0U);
}

TEST_F(FlusherTest, AnErrorIsToldOnceByTheFile) {
  serve({});
  poke(page(1), 1);
  inode_->write_error = Errno::kIo;
  EXPECT_FALSE(flusher_->write_all().has_value());
  inode_->write_error.reset();
  const auto told = file_->sync(0, kPages);
  ASSERT_FALSE(told.has_value());
  EXPECT_EQ(told.error(), Errno::kIo);
  EXPECT_TRUE(file_->sync(0, kPages).has_value());
}

TEST_F(FlusherTest, AllWhoMapAPageAreWriteProtected) {
  serve({});
  NoTranslationCache cache;
  const auto child = space_->fork(cache);
  ASSERT_TRUE(child.has_value());
  poke(page(2), 1);
  poke(**child, page(2), 2);
  EXPECT_TRUE(flusher_->write_all().has_value());
  EXPECT_FALSE(entry(page(2)).is_writable());
  EXPECT_FALSE(entry_of(**child, page(2)).is_writable());
  EXPECT_EQ(inode_->bytes[2 * kPageSize], 2);
  poke(**child, page(2), 3);
  EXPECT_EQ(dirty(), 1U);
}

}  // namespace
}  // namespace gonzo::test
