// The index against a sorted vector that does everything the slow, plain way. Every kind of index
// must pass.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include <gonzo/vma/vma_index.h>

namespace gonzo {
namespace {

constexpr VirtAddr page(std::uint64_t number) { return VirtAddr(number * kPageSize); }

AddressRange pages(std::uint64_t first, std::uint64_t end) { return {page(first), page(end)}; }

/// The definition, by trying every page: slow and obviously right.
class NaiveAreas {
 public:
  explicit NaiveAreas(const std::map<std::uint64_t, std::unique_ptr<Vma>>& areas) : areas_(areas) {}

  Vma* find(VirtAddr address) const {
    for (const auto& [start, vma] : areas_) {
      if (address < vma->end()) return vma.get();
    }
    return nullptr;
  }
  bool fits(const GapRequest& request, VirtAddr start) const {
    const AddressRange range{start, start + request.size};
    if (range.start < request.low || range.end > request.high) return false;
    for (const auto& [first, vma] : areas_) {
      if (vma->range().overlaps(range)) return false;
      if (vma->start() >= range.end) {
        const std::uint64_t guard = vma->has(vm_flags::kGrowsDown) ? request.guard : 0;
        return vma->start() - range.end >= guard;
      }
    }
    return true;
  }
  std::optional<VirtAddr> highest(const GapRequest& request) const {
    for (VirtAddr start = request.high; start >= request.low; start = start - kPageSize) {
      if (fits(request, start)) return start;
      if (start.value == 0) break;
    }
    return std::nullopt;
  }
  std::optional<VirtAddr> lowest(const GapRequest& request) const {
    for (VirtAddr start = request.low; start < request.high; start += kPageSize) {
      if (fits(request, start)) return start;
    }
    return std::nullopt;
  }

 private:
  const std::map<std::uint64_t, std::unique_ptr<Vma>>& areas_;
};

class VmaIndexTest : public testing::TestWithParam<VmaIndexKind> {
 protected:
  void reset() {
    index_ = make_vma_index(GetParam());
    areas_.clear();
  }
  Vma& add(AddressRange range, std::uint64_t flags = vm_flags::kRead) {
    auto vma = std::make_unique<Vma>(range, VmaAttributes{.flags = flags});
    Vma& added = *vma;
    areas_.emplace(range.start.value, std::move(vma));
    EXPECT_TRUE(index_->reserve(1).has_value());
    index_->insert(added);
    return added;
  }
  void remove(Vma& vma) {
    index_->erase(vma);
    areas_.erase(vma.start().value);
  }
  bool is_free(AddressRange range) const {
    return std::ranges::none_of(areas_,
                                [&](const auto& a) { return a.second->range().overlaps(range); });
  }

  std::map<std::uint64_t, std::unique_ptr<Vma>> areas_;  // outlives the index
  std::unique_ptr<VmaIndex> index_ = make_vma_index(GetParam());
};

TEST_P(VmaIndexTest, EmptyFindsNothing) {
  EXPECT_EQ(index_->find(VirtAddr(0)), nullptr);
  EXPECT_EQ(index_->first(), nullptr);
  EXPECT_EQ(index_->last(), nullptr);
  EXPECT_EQ(index_->size(), 0U);
  EXPECT_EQ(index_->verify(), "");
}

TEST_P(VmaIndexTest, FindGivesTheFirstAreaThatEndsAbove) {
  Vma& low = add(pages(16, 32));
  Vma& high = add(pages(64, 65));
  EXPECT_EQ(index_->find(page(0)), &low);
  EXPECT_EQ(index_->find(page(16)), &low);
  EXPECT_EQ(index_->find(page(32) - 1), &low);
  EXPECT_EQ(index_->find(page(32)), &high);
  EXPECT_EQ(index_->find(page(65) - 1), &high);
  EXPECT_EQ(index_->find(page(65)), nullptr);
}

TEST_P(VmaIndexTest, FindForgetsAnErasedArea) {
  Vma& vma = add(pages(1, 2));
  ASSERT_EQ(index_->find(page(1)), &vma);
  remove(vma);
  EXPECT_EQ(index_->find(page(1)), nullptr);
}

TEST_P(VmaIndexTest, GapSearchOfEmptyIndex) {
  EXPECT_EQ(index_->find_gap_top_down({page(4).value, page(1), page(100)}), page(96));
  EXPECT_EQ(index_->find_gap_bottom_up({page(4).value, page(1), page(100)}), page(1));
  EXPECT_EQ(index_->find_gap_top_down({page(100).value, page(1), page(100)}), std::nullopt);
  EXPECT_EQ(index_->find_gap_bottom_up({page(100).value, page(1), page(100)}), std::nullopt);
}

TEST_P(VmaIndexTest, GapSearchKeepsAwayFromAStack) {
  add(pages(90, 100), vm_flags::kGrowsDown);
  const GapRequest request{page(2).value, page(1), page(100), page(16).value};
  EXPECT_EQ(index_->find_gap_top_down(request), page(72));
  // A mapping that was forced into the guard ends it.
  Vma& forced = add(pages(85, 88));
  EXPECT_EQ(index_->find_gap_top_down(request), page(83));
  remove(forced);
  EXPECT_EQ(index_->find_gap_top_down(request), page(72));
}

TEST_P(VmaIndexTest, TopDownFindsAHoleThatOpensAboveEarlierOnes) {
  const GapRequest request{page(1).value, page(1), page(1000)};
  for (int i = 0; i < 100; ++i) {
    const VirtAddr at = index_->find_gap_top_down(request).value();
    ASSERT_EQ(at, page(999 - static_cast<std::uint64_t>(i)));
    add({at, at + kPageSize});
  }
  remove(*index_->find(page(950)));
  EXPECT_EQ(index_->find_gap_top_down(request), page(950));
  remove(*index_->find(page(949)));
  EXPECT_EQ(index_->find_gap_top_down(request), page(950));
  EXPECT_EQ(index_->find_gap_top_down({page(2).value, page(1), page(1000)}), page(949));
  EXPECT_EQ(index_->find_gap_top_down({page(3).value, page(1), page(1000)}), page(897));
}

TEST_P(VmaIndexTest, ResizeMovesBothEdges) {
  Vma& vma = add(pages(10, 20));
  add(pages(30, 31));
  index_->resize(vma, pages(5, 30));
  EXPECT_EQ(index_->find(page(29)), &vma);
  index_->resize(vma, pages(12, 13));
  EXPECT_EQ(index_->find(page(13)), index_->last());
  EXPECT_EQ(index_->verify(), "");
}

TEST_P(VmaIndexTest, ReadersMayRunAtOnce) {
  for (std::uint64_t i = 0; i < 64; ++i) add(pages(2 * i + 1, 2 * i + 2));
  const auto read = [&](std::uint64_t seed) {
    for (std::uint64_t i = 0; i < 5000; ++i) {
      const std::uint64_t number = (seed + i * 7) % 64;
      if (index_->find(page(2 * number + 1))->start() != page(2 * number + 1)) return false;
      const GapRequest request{page(1 + i % 2).value, page(1), page(200)};
      if (index_->find_gap_top_down(request) != page(200) - request.size) return false;
    }
    return true;
  };
  bool other = false;
  std::thread thread([&] { other = read(3); });
  EXPECT_TRUE(read(11));
  thread.join();
  EXPECT_TRUE(other);
}

/// One random step: what the index and the plain way disagree about fails the property.
TEST_P(VmaIndexTest, AgreesWithThePlainWay) {
  constexpr std::uint64_t kPages = 96;
  const auto number = [](std::uint64_t low, std::uint64_t high) {
    return *rc::gen::inRange<std::uint64_t>(low, high + 1);
  };
  const bool ok = rc::check("index", [&] {
    reset();
    const NaiveAreas naive(areas_);
    const auto steps = number(1, 60);
    for (std::uint64_t step = 0; step < steps; ++step) {
      switch (number(0, 5)) {
        case 0:
        case 1: {
          const std::uint64_t start = number(1, kPages - 2);
          const AddressRange range = pages(start, std::min(start + number(1, 6), kPages));
          if (!is_free(range)) break;
          add(range, number(0, 3) == 0 ? vm_flags::kGrowsDown : vm_flags::kRead);
          break;
        }
        case 2:
          if (Vma* vma = index_->find(page(number(0, kPages)))) remove(*vma);
          break;
        case 3:
          if (Vma* vma = index_->find(page(number(0, kPages)))) {
            const Vma* below = index_->previous(*vma);
            const Vma* above = index_->next(*vma);
            const std::uint64_t low = below != nullptr ? below->end().page_number() : 1;
            const std::uint64_t high = above != nullptr ? above->start().page_number() : kPages;
            const std::uint64_t start = number(low, high - 1);
            auto node = areas_.extract(vma->start().value);
            index_->resize(*vma, pages(start, number(start + 1, high)));
            node.key() = vma->start().value;
            areas_.insert(std::move(node));
          }
          break;
        default: {
          // Mostly the same bounds, as in life, so that what is cached is used.
          const bool usual = number(0, 3) != 0;
          const GapRequest request{page(number(1, 12)).value, page(usual ? 1 : number(0, kPages)),
                                   page(usual ? kPages - 4 : number(0, kPages)),
                                   page(number(0, 7) == 0 ? 0 : 5).value};
          const auto top = index_->find_gap_top_down(request);
          RC_ASSERT(top == naive.highest(request));
          RC_ASSERT(index_->find_gap_bottom_up(request) == naive.lowest(request));
          // What was asked for is usually mapped next.
          if (top && number(0, 2) != 0) add({*top, *top + request.size});
          break;
        }
      }
      RC_ASSERT(index_->verify() == "");
      RC_ASSERT(index_->size() == areas_.size());
      const VirtAddr address = page(number(0, kPages)) + number(0, 1);
      RC_ASSERT(index_->find(address) == naive.find(address));
    }
    const Vma* walk = index_->first();
    const Vma* before = nullptr;
    for (const auto& [start, vma] : areas_) {
      RC_ASSERT(walk == vma.get());
      RC_ASSERT(index_->previous(*walk) == before);
      before = walk;
      walk = index_->next(*walk);
    }
    RC_ASSERT(walk == nullptr);
    RC_ASSERT(index_->last() == before);
  });
  EXPECT_TRUE(ok);
}

TEST_P(VmaIndexTest, HasANameThatIsItsOwn) {
  EXPECT_EQ(parse_vma_index(name_of(GetParam())), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Kinds, VmaIndexTest, testing::ValuesIn(kVmaIndexKinds),
                         [](const auto& kind) { return std::string(name_of(kind.param)); });

TEST(VmaIndexKind, OtherNamesAreNone) {
  for (const char* name : {"", "rb", "BTREE", "btree ", "list"}) {
    EXPECT_EQ(parse_vma_index(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace gonzo
