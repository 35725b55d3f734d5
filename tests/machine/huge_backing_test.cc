#include "machine/huge_backing.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>

#include <gonzo/machine/arena.h>

namespace gonzo {
namespace {

using std::chrono::milliseconds;

TEST(HugeBackingTest, WhatIsThereStays) {
  const auto arena = Arena::create(4 * HugeBacking::kBytes, Arena::Backing::kOnTouch).value();
  std::byte* const memory = arena->memory().data();
  ASSERT_EQ(reinterpret_cast<std::uintptr_t>(memory) % HugeBacking::kBytes, 0U);
  memory[5] = std::byte{5};
  memory[HugeBacking::kBytes - 1] = std::byte{7};
  HugeBacking huge;
  const bool done = huge.back(memory);
  EXPECT_EQ(memory[5], std::byte{5});
  EXPECT_EQ(memory[HugeBacking::kBytes - 1], std::byte{7});
  EXPECT_EQ(std::count(memory, memory + HugeBacking::kBytes, std::byte{0}),
            static_cast<std::ptrdiff_t>(HugeBacking::kBytes - 2));
  if (!done) GTEST_SKIP() << "this host makes no huge pages of shared memory";
  unsigned char present[HugeBacking::kBytes / 4096] = {};
  ASSERT_EQ(mincore(memory, HugeBacking::kBytes, present), 0);
  EXPECT_TRUE(std::ranges::all_of(present, [](unsigned char page) { return (page & 1) != 0; }));
}

TEST(HugeBackingTest, AHostThatRefusesIsNotAskedAgain) {
  const auto arena = Arena::create(HugeBacking::kBytes, Arena::Backing::kOnTouch).value();
  std::byte* const memory = arena->memory().data();
  ASSERT_EQ(madvise(memory, HugeBacking::kBytes, MADV_NOHUGEPAGE), 0);
  HugeBacking huge;
  EXPECT_TRUE(huge.tries());
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(huge.back(memory));
  EXPECT_FALSE(huge.tries());
}

TEST(HugeBackingTest, DearOnesAreTriedLessAndLess) {
  HugeBacking huge;
  const auto arena = Arena::create(HugeBacking::kBytes, Arena::Backing::kOnTouch).value();
  const auto skipped = [&] {
    unsigned count = 0;
    for (; !huge.tries(); ++count) EXPECT_FALSE(huge.back(arena->memory().data()));
    return count;
  };
  EXPECT_EQ(skipped(), 0U);
  huge.learn(milliseconds(5));
  const unsigned first = skipped();
  EXPECT_GT(first, 0U);
  huge.learn(milliseconds(5));
  EXPECT_EQ(skipped(), 2 * first);
  for (int i = 0; i < 20; ++i) {
    huge.learn(milliseconds(5));
    EXPECT_LE(skipped(), 1024U);
  }
  for (int i = 0; i < 20; ++i) huge.learn(milliseconds(0));
  EXPECT_EQ(skipped(), 0U);
  huge.learn(milliseconds(5));
  EXPECT_EQ(skipped(), first);
}

}  // namespace
}  // namespace gonzo
