// The B-tree takes memory when it is reserved, and at no other time.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "vma/btree_index.h"

namespace gonzo {
namespace {

AddressRange nth(std::uint64_t n) {
  const VirtAddr start(0x10000 + n * 2 * kPageSize);
  return {start, start + kPageSize};
}

TEST(BTreeMemory, ReserveFailsCleanlyAtTheLimit) {
  std::vector<std::unique_ptr<Vma>> areas;
  BTreeVmaIndex index(20);
  while (index.reserve(1)) {
    areas.push_back(std::make_unique<Vma>(nth(areas.size()), VmaAttributes{}));
    index.insert(*areas.back());
    ASSERT_LT(areas.size(), 10'000U);
  }
  EXPECT_EQ(index.reserve(1).error(), Errno::kNoMem);
  EXPECT_GT(areas.size(), 100U);
  EXPECT_EQ(index.size(), areas.size());
  EXPECT_EQ(index.verify(), "");
  // What is erased makes room again.
  for (int i = 0; i < 60; ++i) {
    index.erase(*areas.back());
    areas.pop_back();
  }
  EXPECT_TRUE(index.reserve(1).has_value());
  EXPECT_EQ(index.verify(), "");
}

/// Each reservation serves as many inserts as it is for, whatever is erased between them.
TEST(BTreeMemory, AReservationIsEnough) {
  std::mt19937 random(7);
  constexpr std::uint64_t kPlaces = 3000;
  std::vector<std::unique_ptr<Vma>> areas(kPlaces);
  BTreeVmaIndex index;
  for (int round = 0; round < 6000; ++round) {
    // Up at first, then down; an insert that finds no memory aborts.
    const std::size_t inserts = round % 5 == 0 ? 40 : 1 + random() % 3;
    ASSERT_TRUE(index.reserve(inserts).has_value());
    for (std::size_t i = 0; i < inserts; ++i) {
      for (int erased = 0; erased < (round < 1500 ? 1 : 4); ++erased) {
        if (auto& vma = areas[random() % kPlaces]; vma != nullptr) {
          index.erase(*vma);
          vma.reset();
        }
      }
      const std::uint64_t place = random() % kPlaces;
      if (areas[place] != nullptr) continue;
      areas[place] = std::make_unique<Vma>(nth(place), VmaAttributes{});
      index.insert(*areas[place]);
    }
  }
  EXPECT_EQ(index.verify(), "");
}

TEST(BTreeMemory, GivesMemoryBack) {
  std::vector<std::unique_ptr<Vma>> areas;
  BTreeVmaIndex index;
  const std::size_t empty = index.bytes();
  ASSERT_TRUE(index.reserve(5000).has_value());
  for (std::uint64_t i = 0; i < 5000; ++i) {
    areas.push_back(std::make_unique<Vma>(nth(i), VmaAttributes{}));
    index.insert(*areas.back());
  }
  for (const auto& vma : areas) index.erase(*vma);
  EXPECT_LT(index.bytes(), empty + 8192);
}

}  // namespace
}  // namespace gonzo
