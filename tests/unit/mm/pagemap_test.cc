#include <gtest/gtest.h>

#include <array>

#include "unit/mm/guest.h"

namespace gonzo::test {
namespace {

class PagemapTest : public Guest {
 protected:
  static constexpr std::uint64_t kPresent = 1ULL << 63, kObject = 1ULL << 61,
                                 kExclusive = 1ULL << 56;

  std::uint64_t word(VirtAddr at) {
    std::uint64_t value = ~0ULL;
    space_->pagemap(at, {&value, 1});
    return value;
  }
  std::uint64_t frame_number(VirtAddr at) { return entry(at).pfn().value; }
};

TEST_F(PagemapTest, WhatIsBehindEachPage) {
  map(4);
  poke(page(1), 1);
  peek(page(2));
  std::array<std::uint64_t, 6> words;
  words.fill(~0ULL);
  space_->pagemap(page(0) - kPageSize, words);
  EXPECT_EQ(words[0], 0U) << "no area";
  EXPECT_EQ(words[1], 0U) << "untouched";
  EXPECT_EQ(words[2], kPresent | kExclusive | frame_number(page(1)));
  EXPECT_EQ(words[3], kPresent | manager_->zero_page(page(2)).value) << "zeros are nobody's";
  EXPECT_EQ(words[4], 0U);
  EXPECT_EQ(words[5], 0U);
}

TEST_F(PagemapTest, AFilesPageIsMarkedAndItsCopyIsNot) {
  make_object(2);
  map_object(2, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  peek(page(0));
  EXPECT_EQ(word(page(0)), kPresent | kObject | kExclusive | frame_number(page(0)));
  poke(page(0), 1);
  EXPECT_EQ(word(page(0)), kPresent | kExclusive | frame_number(page(0)));
}

TEST_F(PagemapTest, ASharedPageIsNotExclusive) {
  map(1);
  poke(page(0), 1);
  NoTranslationCache none;
  const auto child = *space_->fork(none, 0);
  EXPECT_EQ(word(page(0)), kPresent | frame_number(page(0)));
}

TEST_F(PagemapTest, AForbiddenPageIsPresent) {
  map(1);
  poke(page(0), 1);
  ASSERT_TRUE(space_->protect(page(0), kPageSize, PROT_NONE));
  EXPECT_EQ(word(page(0)), kPresent | kExclusive | frame_number(page(0)));
}

TEST_F(PagemapTest, PastTheUserHalfIsNothing) {
  std::array<std::uint64_t, 3> words;
  words.fill(~0ULL);
  space_->pagemap(space_->page_table().user_end() - kPageSize, words);
  EXPECT_EQ(words, (std::array<std::uint64_t, 3>{}));
  EXPECT_EQ(word(VirtAddr(~kPageSize)), 0U);
}

}  // namespace
}  // namespace gonzo::test
