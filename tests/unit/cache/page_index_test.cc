// The radix tree against std::map.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <vector>

#include <gonzo/cache/page_index.h>

namespace gonzo {
namespace {

constexpr std::uint64_t kEnd = std::uint64_t{1} << 52;

/// Indexes of all magnitudes, near each other often enough to share nodes.
std::uint64_t spread(std::uint64_t seed) {
  const unsigned magnitude = seed % 53;
  const std::uint64_t base = std::uint64_t{1} << magnitude;
  return (base + (seed >> 8) % 130) % kEnd;
}

class Model {
 public:
  void insert(std::uint64_t index) {
    if (pages_.contains(index)) return;
    PageIndex::SpareNodes spare;
    RC_ASSERT(spare.fill(index_.nodes_needed(index, index + 1)).has_value());
    const Pfn pfn(next_++);
    index_.insert(index, pfn, spare);
    pages_[index] = {pfn, false};
  }
  void erase(std::uint64_t index) {
    if (!pages_.contains(index)) return;
    PageIndex::SpareNodes spare;
    index_.erase(index, spare);
    pages_.erase(index);
  }
  void mark(std::uint64_t index, bool dirty) {
    const auto page = pages_.find(index);
    if (page == pages_.end()) return;
    page->second.dirty = dirty;
    dirty ? index_.set_mark(index, kMark) : index_.clear_mark(index, kMark);
  }
  void compare() const {
    RC_ASSERT(index_.size() == pages_.size());
    std::uint64_t from = 0;
    std::uint64_t dirty_from = 0;
    for (const auto& [index, page] : pages_) {
      const auto next = index_.next_present(from, kEnd);
      RC_ASSERT(next.found() && next.index == index && next.pfn == page.pfn);
      RC_ASSERT(index_.find(index) == page.pfn);
      RC_ASSERT(index_.has_mark(index, kMark) == page.dirty);
      RC_ASSERT(!index_.next_present(from, index).found());
      from = index + 1;
      if (!page.dirty) continue;
      RC_ASSERT(index_.next_marked(kMark, dirty_from, kEnd).index == index);
      dirty_from = index + 1;
    }
    RC_ASSERT(!index_.next_present(from, kEnd).found());
    RC_ASSERT(!index_.next_marked(kMark, dirty_from, kEnd).found());
    RC_ASSERT(!index_.next_marked(PageMark::kDirty, 0, kEnd).found());
  }
  void compare_run(std::uint64_t first) const {
    std::vector<Pfn> run(200);
    index_.find_run(first, run);
    for (std::size_t i = 0; i < run.size(); ++i) {
      const auto page = pages_.find(first + i);
      RC_ASSERT(run[i] == (page != pages_.end() ? page->second.pfn : Pfn::none()));
    }
  }

 private:
  static constexpr PageMark kMark = PageMark::kWritable;

  struct Page {
    Pfn pfn;
    bool dirty;
  };
  PageIndex index_;
  std::map<std::uint64_t, Page> pages_;
  std::uint64_t next_ = 0;
};

TEST(PageIndex, BehavesAsAMap) {
  EXPECT_TRUE(rc::check([](const std::vector<std::pair<std::uint8_t, std::uint32_t>>& steps) {
    Model model;
    for (const auto& [what, seed] : steps) {
      const std::uint64_t index = spread(seed * std::uint64_t{2654435761});
      if (what % 8 < 4) model.insert(index);
      if (what % 8 == 4) model.erase(index);
      if (what % 8 == 5) model.mark(index, true);
      if (what % 8 == 6) model.mark(index, false);
      if (what % 8 == 7) model.compare_run(index);
    }
    model.compare();
  }));
}

TEST(PageIndex, DenseRunsFillAndEmpty) {
  PageIndex index;
  constexpr std::uint64_t kPages = 10'000;
  PageIndex::SpareNodes spare;
  ASSERT_TRUE(spare.fill(index.nodes_needed(0, kPages)).has_value());
  for (std::uint64_t i = 0; i < kPages; ++i) index.insert(i, Pfn(i), spare);
  for (std::uint64_t i = 0; i < kPages; ++i) ASSERT_EQ(index.find(i), Pfn(i));
  EXPECT_EQ(index.nodes_needed(0, kPages), 0U);
  for (std::uint64_t i = 0; i < kPages; ++i) index.erase(kPages - 1 - i, spare);
  EXPECT_EQ(index.size(), 0U);
  EXPECT_FALSE(index.next_present(0, kEnd).found());
}

TEST(PageIndex, NodesNeededIsEnoughInAnyOrder) {
  for (const std::uint64_t first : {0ULL, 60ULL, 4090ULL, (1ULL << 40) - 3}) {
    PageIndex index;
    PageIndex::SpareNodes spare;
    ASSERT_TRUE(spare.fill(index.nodes_needed(first, first + 256)).has_value());
    for (std::uint64_t i = 0; i < 256; i += 2) index.insert(first + 255 - i, Pfn(i), spare);
    for (std::uint64_t i = 0; i < 256; i += 2) index.insert(first + i, Pfn(i), spare);
    EXPECT_EQ(index.size(), 256U);
  }
}

}  // namespace
}  // namespace gonzo
