// What objects are told of the areas that map them.
#include "unit/mm/guest.h"
#include <gonzo/cache/shared_memory.h>

namespace gonzo::test {
namespace {

enum class Counting { kNo, kYes };

class WatchedMemory final : public SharedMemory {
 public:
  WatchedMemory(FrameAllocator& frames, std::uint64_t pages, Counting counting)
      : SharedMemory(frames, pages * kPageSize, {}), counting_(counting) {}

  Result<void> admit_area(const AreaNotice& notice) override {
    if (refuses) return fail(Errno::kPerm);
    area_opened(notice);
    return {};
  }
  void area_opened(const AreaNotice& notice) override {
    ++areas;
    owner = notice.owner;
  }
  void area_closed(const AreaNotice& notice) override {
    --areas;
    owner = notice.owner;
  }
  bool counts_areas() const override { return counting_ == Counting::kYes; }

  int areas = 0, owner = 0;
  bool refuses = false;

 private:
  const Counting counting_;
};

class AreaNoticeTest : public Guest {
 protected:
  void use(Counting counting) {
    start({.space = {.owner = 42}});
    memory_.reset(new WatchedMemory(*frames_, 16, counting));
  }
  void TearDown() override {
    space_.reset();
    if (memory_ != nullptr) {
      EXPECT_EQ(memory_->areas, 0);
    }
    memory_.reset();
    Guest::TearDown();
  }
  Result<VirtAddr> try_map(std::uint64_t pages, std::uint64_t at = 0, std::uint64_t first = 0) {
    return space_->map({.hint = page(at),
                        .length = pages * kPageSize,
                        .protection = PROT_READ | PROT_WRITE,
                        .flags = MAP_SHARED | MAP_FIXED,
                        .object = memory_,
                        .offset = first * kPageSize});
  }
  void must(const Result<void>& result) { EXPECT_TRUE(result.has_value()); }

  boost::intrusive_ptr<WatchedMemory> memory_;
};

TEST_F(AreaNoticeTest, EachAreaCountsOnce) {
  use(Counting::kNo);
  ASSERT_TRUE(try_map(8).has_value());
  EXPECT_EQ(memory_->areas, 1);
  EXPECT_EQ(memory_->owner, 42);
  must(space_->unmap(page(3), kPageSize));
  EXPECT_EQ(memory_->areas, 2);
  must(space_->protect(page(5), kPageSize, PROT_READ));
  EXPECT_EQ(memory_->areas, 4);
  // Merging again takes them away.
  must(space_->protect(page(5), kPageSize, PROT_READ | PROT_WRITE));
  EXPECT_EQ(memory_->areas, 2);
  ASSERT_TRUE(try_map(1, 3, 3).has_value());
  EXPECT_EQ(memory_->areas, 1);
  must(space_->unmap(page(0), 16 * kPageSize));
  EXPECT_EQ(memory_->areas, 0);
}

TEST_F(AreaNoticeTest, ACopyCountsForItself) {
  use(Counting::kNo);
  ASSERT_TRUE(try_map(8).has_value());
  NoTranslationCache cache;
  auto child = space_->fork(cache, 0);
  ASSERT_TRUE(child.has_value());
  EXPECT_EQ(memory_->areas, 2);
  child->reset();
  EXPECT_EQ(memory_->areas, 1);
}

TEST_F(AreaNoticeTest, MovedAndDuplicated) {
  use(Counting::kNo);
  ASSERT_TRUE(try_map(8).has_value());
  ASSERT_TRUE(space_->remap(page(4), 4 * kPageSize, 4 * kPageSize, MREMAP_MAYMOVE | MREMAP_FIXED,
                            page(100)));
  EXPECT_EQ(memory_->areas, 2);
  ASSERT_TRUE(space_->remap(page(0), 0, 4 * kPageSize, MREMAP_MAYMOVE, VirtAddr()));
  EXPECT_EQ(memory_->areas, 3);
}

TEST_F(AreaNoticeTest, WhatIsRefusedLeavesWhatWasThere) {
  use(Counting::kNo);
  map(8);
  poke(page(2), 7);
  memory_->refuses = true;
  const auto refused = try_map(8);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error(), Errno::kPerm);
  EXPECT_EQ(memory_->areas, 0);
  EXPECT_EQ(peek(page(2)), 7);
}

TEST_F(AreaNoticeTest, CountedAreasAreNotMergedAway) {
  use(Counting::kYes);
  ASSERT_TRUE(try_map(8).has_value());
  must(space_->protect(page(2), kPageSize, PROT_READ));
  EXPECT_EQ(memory_->areas, 3);
  must(space_->protect(page(2), kPageSize, PROT_READ | PROT_WRITE));
  EXPECT_EQ(memory_->areas, 3);
  // A boundary that only moves is another matter.
  must(space_->protect(page(3), kPageSize, PROT_READ));
  EXPECT_EQ(memory_->areas, 4);
  must(space_->protect(page(4), kPageSize, PROT_READ));
  EXPECT_EQ(memory_->areas, 4);
  EXPECT_EQ(space_->area_at(page(3))->range.pages(), 2u);
}

TEST_F(AreaNoticeTest, DetachTakesThePiecesThatLieRight) {
  use(Counting::kYes);
  ASSERT_TRUE(try_map(16).has_value());
  map(2, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, 20);
  must(space_->unmap(page(4), 2 * kPageSize));
  ASSERT_TRUE(
      space_->remap(page(12), kPageSize, kPageSize, MREMAP_MAYMOVE | MREMAP_FIXED, page(40)));
  const auto bytes_of = [&](const MappedObject& object) -> std::optional<std::uint64_t> {
    if (&object != memory_.get()) return std::nullopt;
    return memory_->size();
  };
  EXPECT_EQ(space_->detach(page(1), bytes_of).error(), Errno::kInval);
  EXPECT_EQ(space_->detach(page(20), bytes_of).error(), Errno::kInval);
  must(space_->detach(page(0), bytes_of));
  EXPECT_EQ(memory_->areas, 1);
  EXPECT_TRUE(space_->area_at(page(40)).has_value());
  EXPECT_TRUE(space_->area_at(page(20)).has_value());
  // From where it would have begun.
  must(space_->detach(page(28), bytes_of));
  EXPECT_EQ(memory_->areas, 0);
  EXPECT_EQ(space_->detach(page(28), bytes_of).error(), Errno::kInval);
}

}  // namespace
}  // namespace gonzo::test
