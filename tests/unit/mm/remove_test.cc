// MADV_REMOVE and other holes in objects.
#include "unit/mm/guest.h"
#include <gonzo/cache/shared_memory.h>

namespace gonzo::test {
namespace {

class RemoveTest : public Guest {
 protected:
  void SetUp() override {
    Guest::SetUp();
    memory_.reset(new SharedMemory(*frames_, 8 * kPageSize, {}));
  }
  void TearDown() override {
    space_.reset();
    memory_.reset();
    Guest::TearDown();
  }
  VirtAddr map_memory(std::uint64_t at, int sharing) {
    return must_map({.hint = page(at),
                     .length = 8 * kPageSize,
                     .protection = PROT_READ | PROT_WRITE,
                     .flags = sharing | MAP_FIXED,
                     .object = memory_});
  }
  Errno error_of_remove(std::uint64_t first, std::uint64_t pages) {
    const auto removed = space_->advise(page(first), pages * kPageSize, MADV_REMOVE);
    return removed ? Errno{} : removed.error();
  }

  boost::intrusive_ptr<SharedMemory> memory_;
};

TEST_F(RemoveTest, PagesGoFromEveryMappingOfTheObject) {
  map_memory(0, MAP_SHARED);
  map_memory(10, MAP_SHARED);
  for (std::uint64_t i = 0; i < 8; ++i) poke(page(i), 7);
  EXPECT_EQ(peek(page(12)), 7);
  EXPECT_EQ(error_of_remove(2, 3), Errno{});
  EXPECT_EQ(memory_->resident_pages(), 5u);
  EXPECT_FALSE(entry(page(12)).is_mapping());
  EXPECT_EQ(peek(page(2)), 0);
  EXPECT_EQ(peek(page(14)), 0);
  EXPECT_EQ(peek(page(5)), 7);
  EXPECT_EQ(space_->verify(), "");
}

TEST_F(RemoveTest, PrivateCopiesStay) {
  map_memory(0, MAP_SHARED);
  map_memory(10, MAP_PRIVATE);
  poke(page(1), 7);
  poke(page(2), 7);
  poke(page(11), 8);
  EXPECT_EQ(peek(page(12)), 7);
  EXPECT_EQ(error_of_remove(0, 8), Errno{});
  EXPECT_EQ(peek(page(11)), 8);
  EXPECT_EQ(peek(page(12)), 0);
}

TEST_F(RemoveTest, ErrorsAndHoles) {
  map_memory(0, MAP_SHARED);
  map_memory(10, MAP_PRIVATE);
  map(2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 20);
  poke(page(7), 7);
  EXPECT_EQ(error_of_remove(10, 1), Errno::kAcces);
  EXPECT_EQ(error_of_remove(20, 1), Errno::kInval);
  // What lies before the hole is removed.
  EXPECT_EQ(error_of_remove(6, 4), Errno::kNoMem);
  EXPECT_EQ(peek(page(7)), 0);
  EXPECT_EQ(error_of_remove(30, 1), Errno::kNoMem);
}

TEST_F(RemoveTest, ObjectsThatCannot) {
  make_object(4, FakeObject::Kind::kFile);
  map_object(4, PROT_READ | PROT_WRITE, MAP_SHARED);
  EXPECT_EQ(error_of_remove(0, 1), Errno::kOpNotSupp);
}

}  // namespace
}  // namespace gonzo::test
