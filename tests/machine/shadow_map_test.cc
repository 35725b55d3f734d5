#include "machine/host/shadow_map.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/mman.h>

#include <map>

namespace gonzo {
namespace {

VirtAddr page_at(std::uint64_t number) { return VirtAddr(number * kPageSize); }
ShadowRun run_of(std::uint64_t page, std::uint64_t pages, std::uint64_t frame,
                 ShadowProtection protection = PROT_READ) {
  return {page_at(page), page_at(page + pages), Pfn(frame), protection};
}

TEST(ShadowMapTest, NeighboursMergeLikeTheHostsMappings) {
  ShadowMap map;
  map.insert(run_of(10, 2, 100));
  map.insert(run_of(14, 2, 104));
  EXPECT_EQ(map.size(), 2U);
  map.insert(run_of(12, 2, 102));
  EXPECT_EQ(map.size(), 1U);
  map.insert(run_of(16, 1, 200));           // another place in the file
  map.insert(run_of(9, 1, 99, PROT_EXEC));  // another protection
  EXPECT_EQ(map.size(), 3U);
}

TEST(ShadowMapTest, ErasingSplitsAndTellsTheHull) {
  ShadowMap map;
  map.insert(run_of(10, 10, 100));
  map.insert(run_of(30, 10, 200));
  EXPECT_TRUE(map.erase({page_at(22), page_at(28)}).empty());
  EXPECT_EQ(map.erase({page_at(15), page_at(32)}), (AddressRange{page_at(15), page_at(32)}));
  EXPECT_EQ(map.size(), 2U);
  EXPECT_EQ(map.find(page_at(32))->frame_at(page_at(32)), Pfn(202));
  EXPECT_FALSE(map.find(page_at(15)));
  map.erase({page_at(11), page_at(12)});
  EXPECT_EQ(map.size(), 3U);
}

struct Page {
  std::uint64_t frame;
  ShadowProtection protection;
  bool operator==(const Page&) const = default;
};

TEST(ShadowMapTest, AgreesWithAPageByPageModel) {
  rc::check([] {
    ShadowMap map;
    std::map<std::uint64_t, Page> model;
    const auto steps = *rc::gen::inRange(1, 60);
    for (int step = 0; step < steps; ++step) {
      const auto page = *rc::gen::inRange<std::uint64_t>(0, 40);
      const auto pages = *rc::gen::inRange<std::uint64_t>(1, 12);
      if (*rc::gen::inRange(0, 3) == 0) {
        map.erase({page_at(page), page_at(page + pages)});
        for (std::uint64_t i = 0; i < pages; ++i) model.erase(page + i);
      } else {
        // Frames near the page number, so that runs often continue each other.
        const auto frame = page + *rc::gen::inRange<std::uint64_t>(100, 102);
        const auto protection =
            static_cast<ShadowProtection>(*rc::gen::element(PROT_READ, PROT_READ | PROT_WRITE));
        map.insert(run_of(page, pages, frame, protection));
        for (std::uint64_t i = 0; i < pages; ++i) model[page + i] = {frame + i, protection};
      }
      std::size_t runs = 0;
      const std::pair<const std::uint64_t, Page>* last = nullptr;
      for (const auto& entry : model) {
        const bool continues = last != nullptr && entry.first == last->first + 1 &&
                               entry.second.frame == last->second.frame + 1 &&
                               entry.second.protection == last->second.protection;
        if (!continues) ++runs;
        last = &entry;
        const auto found = map.find(page_at(entry.first));
        RC_ASSERT(found.has_value());
        RC_ASSERT(found->frame_at(page_at(entry.first)) == Pfn(entry.second.frame));
        RC_ASSERT(found->protection == entry.second.protection);
      }
      RC_ASSERT(map.size() == runs);
      std::uint64_t shown = 0;
      map.for_each({page_at(0), page_at(100)}, [&](const ShadowRun& run) {
        shown += run.range().pages();
        return true;
      });
      RC_ASSERT(shown == model.size());
      RC_ASSERT(map.first({page_at(0), page_at(100)}).has_value() == !model.empty());
      RC_ASSERT(!map.first({page_at(page), page_at(page)}).has_value());
    }
  });
}

}  // namespace
}  // namespace gonzo
