// Pages whose use a machine remembers until it is asked.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <vector>

#include "mm/traced_page.h"
#include "unit/mm/swap_guest.h"

namespace gonzo::test {
namespace {

class AgedPagesTest : public SwapGuest {
 protected:
  void SetUp() override {
    SwapGuest::SetUp();
    map(kPages);
    fill(kPages);
    cache_.collect = [this](std::span<const VirtAddr> pages) {
      asked_.insert(asked_.end(), pages.begin(), pages.end());
      for (const VirtAddr used : used_) {
        if (std::ranges::count(pages, used) == 0) continue;
        space_->page_table().find(used).set_bits(pte::kAccessed);
      }
    };
  }
  void TearDown() override {
    cache_.collect = {};
    SwapGuest::TearDown();
  }
  /// How many entries of each page were used since the last look.
  std::array<unsigned, 3> look() {
    std::array<TracedPage, kPages> traced;
    for (std::uint64_t i = 0; i < kPages; ++i) traced[i].pfn = entry(page(i)).pfn();
    asked_.clear();
    manager_->harvest_references(traced);
    return {traced[0].seen.entries, traced[1].seen.entries, traced[2].seen.entries};
  }

  static constexpr std::uint64_t kPages = 3;
  std::vector<VirtAddr> used_, asked_;
};

TEST_F(AgedPagesTest, ReclaimAsksForWhatItHasAged) {
  EXPECT_THAT(look(), testing::ElementsAre(1, 1, 1));
  EXPECT_TRUE(asked_.empty()) << "each has A";
  used_ = {page(1)};
  EXPECT_THAT(look(), testing::ElementsAre(0, 1, 0));
  EXPECT_THAT(asked_, testing::UnorderedElementsAre(page(0), page(1), page(2)));
  used_.clear();
  EXPECT_THAT(look(), testing::ElementsAre(0, 0, 0));
  poke(page(2), 1);
  EXPECT_THAT(look(), testing::ElementsAre(0, 0, 1));
  EXPECT_THAT(asked_, testing::UnorderedElementsAre(page(0), page(1)));
}

TEST_F(AgedPagesTest, SmapsAsksToo) {
  look();
  EXPECT_THAT(space_->smaps_text(), testing::HasSubstr("Referenced:            0 kB"));
  used_ = {page(0), page(2)};
  EXPECT_THAT(space_->smaps_text(), testing::HasSubstr("Referenced:            8 kB"));
}

}  // namespace
}  // namespace gonzo::test
