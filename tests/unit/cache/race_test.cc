// What happens when somebody else brings the page in between looking and entering it. Frames are
// allocated in between, and the allocator tells a listener about new memory: there the somebody
// acts.
#include <gtest/gtest.h>

#include <functional>
#include <utility>
#include <vector>

#include "unit/cache/fake_file.h"
#include "unit/frame/arena.h"
#include <gonzo/cache/page_cache.h>
#include <gonzo/cache/shared_memory.h>

namespace gonzo {
namespace {

using test::FakeFile;
using test::FakeInode;

class Meanwhile final : public GrowthListener {
 public:
  void grown_to(Pfn /*virgin_start*/) override {
    if (action) std::exchange(action, nullptr)();
  }
  std::function<void()> action;
};

class CacheRace : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_FALSE(meanwhile_.action) << "nothing happened in between";
    arena_->drain();
    EXPECT_EQ(arena_->check_all_free(), "");
  }

  Meanwhile meanwhile_;
  test::Arena arena_{8192, {.growth = &meanwhile_}};
};

TEST_F(CacheRace, ThePageItselfIsThereMeanwhile) {
  auto inode = FakeInode::of_size(200 * kPageSize);
  PageCache cache(*arena_, {});
  auto file = *cache.open(std::make_shared<FakeFile>(inode));
  Pfn other;
  meanwhile_.action = [&] {
    other = file->get_page(20, PageIntent::kRead)->pfn;
    cache.drop_clean();  // its neighbours are absent again
  };
  const auto page = file->get_page(20, PageIntent::kRead);
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->pfn, other);
  EXPECT_FALSE(page->major);
  EXPECT_EQ(inode->reads, 1U);
  EXPECT_EQ(file->verify(), "");
  arena_->put(other);
  arena_->put(other);
}

TEST_F(CacheRace, PartOfTheWindowIsThereMeanwhile) {
  auto inode = FakeInode::of_size(20 * kPageSize);
  PageCache cache(*arena_, {});
  auto file = *cache.open(std::make_shared<FakeFile>(inode));
  meanwhile_.action = [&] {
    inode->bad_from = 8 * kPageSize;  // so that only the first eight come in
    arena_->put(file->get_page(2, PageIntent::kRead)->pfn);
    inode->bad_from = ~0ULL;
  };
  const auto page = file->get_page(10, PageIntent::kRead);
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(inode->read_ranges.back(), std::pair(8 * kPageSize, std::size_t{12 * kPageSize}));
  EXPECT_EQ(*reinterpret_cast<char*>(arena_->address(page->pfn)), FakeInode::pattern(10));
  EXPECT_EQ(file->counts().resident, 20U);
  EXPECT_EQ(file->verify(), "");
  arena_->put(page->pfn);
}

TEST_F(CacheRace, ASharedPageIsThereMeanwhile) {
  const ObjectRef memory = make_shared_memory(*arena_, 10 * kPageSize, {});
  Pfn other;
  meanwhile_.action = [&] { other = memory->get_page(3, PageIntent::kWrite)->pfn; };
  const auto page = memory->get_page(3, PageIntent::kWrite);
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->pfn, other);
  arena_->put(other);
  arena_->put(other);
}

}  // namespace
}  // namespace gonzo
