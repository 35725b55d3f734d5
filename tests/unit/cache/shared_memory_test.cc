#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "unit/frame/arena.h"
#include <gonzo/cache/shared_memory.h>

namespace gonzo {
namespace {

using test::Arena;

class Shared : public testing::Test {
 protected:
  void make(std::uint64_t bytes) {
    object_ = make_shared_memory(*arena_, bytes, {.inode = 5, .path = "/dev/zero (deleted)"});
    memory_ = static_cast<SharedMemory*>(object_.get());
  }
  Pfn take(std::uint64_t index) {
    const auto page = object_->get_page(index, PageIntent::kWrite);
    EXPECT_TRUE(page.has_value());
    EXPECT_FALSE(page->major);
    return page->pfn;
  }
  void TearDown() override {
    object_.reset();
    arena_->drain();
    EXPECT_EQ(arena_->check_all_free(), "");
  }

  Arena arena_{4096};
  ObjectRef object_;
  SharedMemory* memory_ = nullptr;
};

TEST_F(Shared, PagesAppearZeroedAndStay) {
  make(10 * kPageSize);
  EXPECT_TRUE(object_->is_shmem());
  EXPECT_EQ(object_->name().path, "/dev/zero (deleted)");
  EXPECT_FALSE(object_->is_resident(3));
  const Pfn pfn = take(3);
  EXPECT_TRUE(arena_.is_filled(pfn, 0));
  EXPECT_EQ(arena_->frame(pfn).refs.load(), 2);
  EXPECT_EQ(arena_->frame(pfn).mapping, object_.get());
  arena_.fill(pfn, 7);
  object_->mark_dirty(3);
  EXPECT_TRUE(object_->sync(0, 10).has_value());
  arena_->put(pfn);
  EXPECT_EQ(take(3), pfn);
  EXPECT_TRUE(arena_.is_filled(pfn, 7));
  arena_->put(pfn);
  EXPECT_TRUE(object_->is_resident(3));
  EXPECT_EQ(memory_->resident_pages(), 1U);
}

TEST_F(Shared, ResidentPagesOnly) {
  make(4 * kPageSize);
  const Pfn pfn = take(1);
  std::vector<Pfn> pages(8);
  object_->get_resident(0, pages);
  EXPECT_TRUE(pages[0].is_none());
  EXPECT_EQ(pages[1], pfn);
  EXPECT_EQ(arena_->frame(pfn).refs.load(), 3);
  arena_->put(pfn);
  arena_->put(pfn);
}

TEST_F(Shared, PastTheEndIsEfault) {
  make(kPageSize + 1);
  arena_->put(take(1));
  EXPECT_EQ(object_->get_page(2, PageIntent::kRead).error(), Errno::kFault);
  make(0);
  EXPECT_EQ(object_->get_page(0, PageIntent::kRead).error(), Errno::kFault);
}

TEST_F(Shared, TerabytesCostOnlyWhatIsTouched) {
  make(std::uint64_t{1} << 46);
  for (std::uint64_t tib = 0; tib < 64; ++tib) arena_->put(take(tib << (40 - kPageShift)));
  EXPECT_EQ(memory_->resident_pages(), 64U);
  EXPECT_EQ(arena_.used(FrameState::kPageCache), 64U);
}

TEST_F(Shared, ShrinkingForgets) {
  make(200 * kPageSize);
  for (std::uint64_t page = 0; page < 200; ++page) {
    const Pfn pfn = take(page);
    arena_.fill(pfn, 7);
    arena_->put(pfn);
  }
  const Pfn mapped = take(150);
  memory_->resize(10 * kPageSize + 16);
  EXPECT_EQ(memory_->resident_pages(), 11U);
  EXPECT_EQ(object_->get_page(150, PageIntent::kRead).error(), Errno::kFault);
  EXPECT_EQ(arena_->frame(mapped).mapping, nullptr);
  EXPECT_TRUE(arena_.is_filled(mapped, 7));
  arena_->put(mapped);
  memory_->resize(200 * kPageSize);
  EXPECT_EQ(memory_->size(), 200 * kPageSize);
  const Pfn last = take(10);
  EXPECT_EQ(arena_->address(last)[15], std::byte{7});
  EXPECT_EQ(arena_->address(last)[16], std::byte{0});
  const Pfn again = take(150);
  EXPECT_TRUE(arena_.is_filled(again, 0));
  arena_->put(last);
  arena_->put(again);
}

TEST_F(Shared, NoMemoryIsEnomemAndLeaksNothing) {
  make(10 * kPageSize);
  arena_->fail_nth(1);
  EXPECT_EQ(object_->get_page(0, PageIntent::kWrite).error(), Errno::kNoMem);
  arena_->put(take(0));
}

TEST_F(Shared, ThreadsSeeTheSameFrames) {
  make(64 * kPageSize);
  std::vector<std::vector<Pfn>> seen(4, std::vector<Pfn>(64));
  std::vector<std::thread> threads;
  for (auto& pages : seen) {
    threads.emplace_back([&] {
      for (std::uint64_t page = 0; page < 64; ++page) pages[page] = take(page);
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& pages : seen) EXPECT_EQ(pages, seen[0]);
  EXPECT_EQ(memory_->resident_pages(), 64U);
  for (const auto& pages : seen) {
    for (const Pfn pfn : pages) arena_->put(pfn);
  }
}

TEST_F(Shared, FaultsRaceWithResizes) {
  make(64 * kPageSize);
  std::thread resizer([&] {
    for (int i = 0; i < 500; ++i) memory_->resize((i % 2 == 0 ? 3 : 64) * kPageSize);
  });
  for (std::uint64_t i = 0; i < 5000; ++i) {
    const auto page = object_->get_page(i % 64, PageIntent::kWrite);
    if (page) arena_->put(page->pfn);
  }
  resizer.join();
  memory_->resize(0);
  EXPECT_EQ(memory_->resident_pages(), 0U);
}

}  // namespace
}  // namespace gonzo
