// When two areas become one. The pictures are those of the live kernel.
#include "unit/mm/contracts.h"

namespace gonzo::test {
namespace {

class MergeTest : public Contracts {};

TEST_F(MergeTest, AnonymousNeighbours) {
  map(2);
  map(2, kReadWrite, kPrivate, 4);
  EXPECT_EQ(space_->counts().areas, 2U);
  map(2, kReadWrite, kPrivate, 2);
  EXPECT_THAT(areas(), ElementsAre("0-6 rw-p"));
}

TEST_F(MergeTest, NotWithOtherFlags) {
  map(2);
  map(2, PROT_READ, kPrivate, 2);
  map(2, PROT_READ, kPrivate | MAP_NORESERVE, 4);
  map(2, PROT_READ, kPrivate | MAP_GROWSDOWN, 6);
  EXPECT_EQ(space_->counts().areas, 4U);
}

TEST_F(MergeTest, FilePagesInOrder) {
  make_object(10);
  const auto file = [&](std::uint64_t at, std::uint64_t first, std::uint64_t open_file = 1) {
    must_map({.hint = page(at),
              .length = kPageSize,
              .protection = PROT_READ,
              .flags = MAP_PRIVATE | MAP_FIXED,
              .object = object_,
              .offset = first * kPageSize,
              .open_file = open_file});
  };
  file(1, 1);
  file(2, 2);
  file(0, 0);
  EXPECT_THAT(areas(), ElementsAre("0-3 r--p"));
  EXPECT_EQ(space_->area_at(page(0))->attributes.page_offset, 0U);
  file(3, 7);
  file(4, 8, 2);
  EXPECT_THAT(areas(), ElementsAre("0-3 r--p", "3-4 r--p", "4-5 r--p"));
}

TEST_F(MergeTest, MemoryThatWasNeverWrittenLosesItsCharge) {
  map(8);
  protect(0, 4, PROT_READ);
  map(2, PROT_READ, kPrivate, 8);
  protect(4, 4, PROT_READ);
  EXPECT_THAT(areas(), ElementsAre("0-10 r--p"));
}

TEST_F(MergeTest, MemoryThatWasWrittenKeepsIt) {
  map(8);
  poke(page(5), 1);
  protect(0, 8, PROT_READ);
  map(2, PROT_READ, kPrivate, 8);
  EXPECT_THAT(areas(), ElementsAre("0-8 r--p", "8-10 r--p"));
}

TEST_F(MergeTest, SplitHalvesKnowThatTheyWereWritten) {
  map(4);
  poke(page(0), 1);
  unmap(1, 1);
  protect(2, 2, PROT_READ);
  map(2, PROT_READ, kPrivate, 4);
  EXPECT_THAT(areas(), ElementsAre("0-1 rw-p", "2-4 r--p", "4-6 r--p"));
}

// Each was written to while what lay between was not its like: two families.
TEST_F(MergeTest, PagesOfDifferentLineageStayApart) {
  map(4, PROT_WRITE);
  map(1, kReadWrite | PROT_EXEC, kPrivate | MAP_NORESERVE, 1);
  poke(page(0), 1);
  poke(page(3), 1);
  map(1, PROT_WRITE, kPrivate, 1);
  EXPECT_THAT(areas(), ElementsAre("0-2 -w-p", "2-4 -w-p"));
}

TEST_F(MergeTest, ANeighbourThatDiffersInPermissionsOnlyHandsItsLineageOn) {
  map(1, PROT_READ);
  map(1, kReadWrite, kPrivate, 1);
  poke(page(1), 1);
  protect(0, 1, kReadWrite);
  poke(page(0), 1);
  EXPECT_THAT(areas(), ElementsAre("0-2 rw-p"));
  protect(0, 1, PROT_READ);
  map(1, kReadWrite, kPrivate, 2);
  poke(page(2), 1);
  protect(1, 2, PROT_READ);
  EXPECT_THAT(areas(), ElementsAre("0-3 r--p"));
}

TEST_F(MergeTest, AForkedHeapGrowsByANewArea) {
  space_->set_bounds({.start_brk = page(0), .brk = page(0)});
  space_->brk(page(2));
  poke(page(0), 1);
  NoTranslationCache cache;
  const auto child = space_->fork(cache, 0).value();
  child->brk(page(4));
  EXPECT_EQ(child->counts().areas, 2U);
  child->brk(page(6));
  EXPECT_EQ(child->counts().areas, 2U);
  space_->brk(page(4));
  EXPECT_EQ(space_->counts().areas, 1U);
}

TEST_F(MergeTest, SpecialAreasStayAlone) {
  const std::uint64_t flags = vm_flags::kRead | vm_flags::kMayRead;
  for (const std::uint64_t first : {0, 1}) {
    const SpecialArea area{1, flags, nullptr, "[vvar]"};
    ASSERT_TRUE(space_->map_special(page(first), {&area, 1}));
  }
  EXPECT_THAT(areas(), ElementsAre("0-1 r--p", "1-2 r--p"));
  const std::array pair{SpecialArea{1, flags, nullptr, "[x]"},
                        SpecialArea{1, flags, nullptr, "[y]"}};
  EXPECT_EQ(error(space_->map_special(page(1), pair)), Errno::kNoMem);
  EXPECT_EQ(error(space_->map_special(page(1), {})), Errno::kInval);
  EXPECT_EQ(space_->map_special(VirtAddr(), pair).value(), VirtAddr(0x7fff'f7ff'd000));
}

}  // namespace
}  // namespace gonzo::test
