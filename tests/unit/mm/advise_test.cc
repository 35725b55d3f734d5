#include "unit/mm/contracts.h"

namespace gonzo::test {
namespace {

class AdviseTest : public Contracts {
 protected:
  std::uint64_t flags(std::uint64_t at) { return space_->area_at(page(at))->attributes.flags; }
};

TEST_F(AdviseTest, Arguments) {
  map(1);
  EXPECT_EQ(advise(0, 1, 9999), Errno::kInval);
  EXPECT_EQ(error(space_->advise(kBase + 1, kPageSize, MADV_NORMAL)), Errno::kInval);
  EXPECT_EQ(error(space_->advise(kBase, ~0ULL, MADV_NORMAL)), Errno::kInval);
  EXPECT_EQ(error(space_->advise(kBase, ~kPageMask, MADV_NORMAL)), Errno{});
  EXPECT_EQ(advise(5, 0, MADV_DONTNEED), Errno{});
  EXPECT_EQ(advise(5, 0, 9999), Errno::kInval);
  EXPECT_EQ(advise(0, 1, 25 /* MADV_COLLAPSE */), Errno::kInval);
  EXPECT_EQ(advise(0, 0, 25 /* MADV_COLLAPSE */), Errno{});
  EXPECT_EQ(advise(0, 1, 100 /* MADV_HWPOISON */), Errno::kInval);
}

TEST_F(AdviseTest, DontNeedForgetsContents) {
  map(3);
  for (std::uint64_t i = 0; i < 3; ++i) poke(page(i), 1);
  EXPECT_EQ(advise(1, 1, MADV_DONTNEED), Errno{});
  EXPECT_EQ(space_->counts().rss_anon, 2U);
  EXPECT_EQ(peek(page(0)), 1);
  EXPECT_EQ(peek(page(1)), 0);
}

TEST_F(AdviseTest, DontNeedOfAFileGivesItsPagesAgain) {
  make_object(2);
  map_object(2, kReadWrite, MAP_PRIVATE);
  poke(page(0), 99);
  EXPECT_EQ(advise(0, 2, MADV_FREE), Errno::kInval);
  EXPECT_EQ(advise(0, 2, MADV_DONTNEED), Errno{});
  EXPECT_EQ(peek(page(0)), 1);
}

TEST_F(AdviseTest, HolesAreSkippedAndReported) {
  map(1);
  map(1, kReadWrite, kPrivate, 2);
  poke(page(0), 1);
  poke(page(2), 1);
  EXPECT_EQ(advise(0, 3, MADV_DONTNEED), Errno::kNoMem);
  EXPECT_EQ(space_->counts().rss(), 0U);
  EXPECT_EQ(advise(2, 2, MADV_DONTFORK), Errno::kNoMem);
  EXPECT_TRUE(flags(2) & vm_flags::kDontCopy);
}

TEST_F(AdviseTest, LockedMemoryStays) {
  map(2, kReadWrite, kPrivate | MAP_LOCKED);
  EXPECT_EQ(advise(0, 2, MADV_DONTNEED), Errno::kInval);
  EXPECT_EQ(advise(0, 2, MADV_FREE), Errno::kInval);
  EXPECT_EQ(advise(0, 2, 24 /* MADV_DONTNEED_LOCKED */), Errno{});
  EXPECT_EQ(space_->counts().rss(), 0U);
}

TEST_F(AdviseTest, FlagsSplitAndMerge) {
  map(4);
  EXPECT_EQ(advise(1, 2, MADV_SEQUENTIAL), Errno{});
  EXPECT_THAT(areas(), ElementsAre("0-1 rw-p", "1-3 rw-p", "3-4 rw-p"));
  EXPECT_EQ(advise(1, 2, MADV_RANDOM), Errno{});
  EXPECT_EQ(flags(1) & (vm_flags::kRandom | vm_flags::kSequential), vm_flags::kRandom);
  EXPECT_EQ(advise(0, 4, MADV_NORMAL), Errno{});
  EXPECT_THAT(areas(), ElementsAre("0-4 rw-p"));
}

TEST_F(AdviseTest, ForkAndDump) {
  map(1);
  const std::uint64_t before = flags(0);
  for (const auto& [on, off, bit] : {std::tuple(MADV_DONTFORK, MADV_DOFORK, vm_flags::kDontCopy),
                                     {MADV_WIPEONFORK, MADV_KEEPONFORK, vm_flags::kWipeOnFork},
                                     {MADV_DONTDUMP, MADV_DODUMP, vm_flags::kDontDump}}) {
    EXPECT_EQ(advise(0, 1, on), Errno{});
    EXPECT_EQ(flags(0), before | bit);
    EXPECT_EQ(advise(0, 1, off), Errno{});
    EXPECT_EQ(flags(0), before);
  }
  map(1, kReadWrite, kSharedAnonymous, 3);
  EXPECT_EQ(advise(3, 1, MADV_WIPEONFORK), Errno::kInval);
}

TEST_F(AdviseTest, TooManyAreasForNow) {
  start({.manager = {.max_map_count = 1}});
  map(3);
  EXPECT_EQ(advise(1, 1, MADV_DONTFORK), Errno::kAgain);
  EXPECT_EQ(advise(0, 3, MADV_DONTFORK), Errno{});
}

TEST_F(AdviseTest, Populate) {
  map(4);
  EXPECT_EQ(advise(0, 2, MADV_POPULATE_READ), Errno{});
  EXPECT_EQ(space_->counts().rss(), 0U);  // the zero page
  EXPECT_EQ(advise(0, 4, MADV_POPULATE_WRITE), Errno{});
  EXPECT_EQ(space_->counts().rss_anon, 4U);
  EXPECT_EQ(advise(0, 5, MADV_POPULATE_READ), Errno::kNoMem);
  map(1, PROT_READ, kPrivate, 4);
  EXPECT_EQ(advise(4, 1, MADV_POPULATE_WRITE), Errno::kInval);
  map(1, PROT_NONE, kPrivate, 4);
  EXPECT_EQ(advise(4, 1, MADV_POPULATE_READ), Errno::kInval);
}

TEST_F(AdviseTest, PopulateStopsAtTheEndOfTheFile) {
  make_object(1);
  map_object(2, PROT_READ, MAP_SHARED);
  EXPECT_EQ(advise(0, 1, MADV_POPULATE_READ), Errno{});
  EXPECT_EQ(advise(0, 2, MADV_POPULATE_READ), Errno::kFault);
}

TEST_F(AdviseTest, WillNeedReadsAhead) {
  FakeObject& object = make_object(4);
  map_object(8, PROT_READ, MAP_SHARED);
  EXPECT_EQ(advise(1, 7, MADV_WILLNEED), Errno{});
  EXPECT_FALSE(object.is_resident(0));
  EXPECT_TRUE(object.is_resident(1));
  EXPECT_TRUE(object.is_resident(3));
  EXPECT_EQ(space_->counts().rss(), 0U);
  EXPECT_EQ(advise(1, 20, MADV_WILLNEED), Errno::kNoMem);
}

TEST_F(AdviseTest, RemoveIsNotSupportedByObjects) {
  map(1);
  EXPECT_EQ(advise(0, 1, MADV_REMOVE), Errno::kInval);
  make_object(4);
  must_map({.hint = page(4),
            .length = kPageSize,
            .protection = PROT_READ,
            .flags = MAP_PRIVATE | MAP_FIXED,
            .object = object_});
  EXPECT_EQ(advise(4, 1, MADV_REMOVE), Errno::kAcces);
  must_map({.hint = page(5),
            .length = kPageSize,
            .protection = kReadWrite,
            .flags = MAP_SHARED | MAP_FIXED,
            .object = object_});
  EXPECT_EQ(advise(5, 1, MADV_REMOVE), Errno::kOpNotSupp);
}

}  // namespace
}  // namespace gonzo::test
