// smaps, numa_maps and clear_refs: the figures, and that they add up.
#include <gmock/gmock.h>

#include <map>
#include <sstream>

#include "unit/mm/guest.h"

namespace gonzo::test {
namespace {

using testing::HasSubstr;

class AreaUsageTest : public Guest {
 protected:
  struct Area {
    std::string head;
    std::map<std::string, std::uint64_t> kilobytes;
    std::string flags;
  };
  /// The areas of a text like smaps.
  static std::vector<Area> areas_of(const std::string& text) {
    std::vector<Area> areas;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      const auto colon = line.find(": ");
      if (line.ends_with(" kB") && colon != line.npos) {
        EXPECT_EQ(line.size(), 27U) << line;
        areas.back().kilobytes[line.substr(0, colon)] = std::stoull(line.substr(colon + 1));
      } else if (line.starts_with("VmFlags: ")) {
        areas.back().flags = line.substr(9);
      } else if (!line.starts_with("THPeligible:           0")) {
        areas.push_back({.head = line, .kilobytes = {}, .flags = {}});
      }
    }
    return areas;
  }
  Area only_area() {
    const auto areas = areas_of(space_->smaps_text());
    EXPECT_EQ(areas.size(), 1U);
    return areas.empty() ? Area() : areas.front();
  }
  /// The rollup's figures are the areas' sums.
  void expect_rollup_is_sum() {
    const auto rollup = areas_of(space_->smaps_rollup_text());
    ASSERT_EQ(rollup.size(), 1U);
    std::map<std::string, std::uint64_t> sums;
    for (const Area& area : areas_of(space_->smaps_text())) {
      for (const auto& [key, value] : area.kilobytes) sums[key] += value;
    }
    for (const auto& [key, value] : rollup.front().kilobytes) {
      if (key.starts_with("Pss")) continue;  // the areas' are rounded down one by one
      EXPECT_EQ(value, sums[key]) << key;
    }
    EXPECT_EQ(sums["Rss"] * 1024, space_->counts().rss() * kPageSize);
  }
};

TEST_F(AreaUsageTest, AnAreaAsLinuxWritesIt) {
  map(4);
  poke(page(0), 1);
  peek(page(2));
  EXPECT_EQ(space_->smaps_text(),
            "10000000-10004000 rw-p 00000000 00:00 0 \n"
            "Size:                 16 kB\n"
            "KernelPageSize:        4 kB\n"
            "MMUPageSize:           4 kB\n"
            "Rss:                   4 kB\n"
            "Pss:                   4 kB\n"
            "Pss_Dirty:             4 kB\n"
            "Shared_Clean:          0 kB\n"
            "Shared_Dirty:          0 kB\n"
            "Private_Clean:         0 kB\n"
            "Private_Dirty:         4 kB\n"
            "Referenced:            4 kB\n"
            "Anonymous:             4 kB\n"
            "KSM:                   0 kB\n"
            "LazyFree:              0 kB\n"
            "AnonHugePages:         0 kB\n"
            "ShmemPmdMapped:        0 kB\n"
            "FilePmdMapped:         0 kB\n"
            "Shared_Hugetlb:        0 kB\n"
            "Private_Hugetlb:       0 kB\n"
            "Swap:                  0 kB\n"
            "SwapPss:               0 kB\n"
            "Locked:                0 kB\n"
            "THPeligible:           0\n"
            "VmFlags: rd wr mr mw me ac \n");
  expect_rollup_is_sum();
}

TEST_F(AreaUsageTest, RollupOfNothingAndOfSomething) {
  EXPECT_THAT(space_->smaps_rollup_text(),
              testing::StartsWith("00000000-00000000 ---p 00000000 00:00 0 "));
  map(2);
  map(2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, 8);
  poke(page(1), 1);
  EXPECT_THAT(space_->smaps_rollup_text(),
              testing::StartsWith("10000000-1000a000 ---p 00000000 00:00 0 "
                                  "                                 [rollup]\n"
                                  "Rss:                   4 kB\n"
                                  "Pss:                   4 kB\n"
                                  "Pss_Dirty:             4 kB\n"
                                  "Pss_Anon:              4 kB\n"
                                  "Pss_File:              0 kB\n"
                                  "Pss_Shmem:             0 kB\n"
                                  "Shared_Clean:          0 kB\n"));
  expect_rollup_is_sum();
}

TEST_F(AreaUsageTest, PagesOfAnObjectAreCleanUntilTheyAreWritten) {
  make_object(4);
  map_object(4, PROT_READ | PROT_WRITE, MAP_SHARED);
  for (unsigned i = 0; i < 4; ++i) peek(page(i));
  Area area = only_area();
  EXPECT_EQ(area.kilobytes["Private_Clean"], 16U);
  EXPECT_EQ(area.kilobytes["Anonymous"], 0U);
  EXPECT_EQ(area.flags, "rd wr sh mr mw me ms ");
  poke(page(3), 9);
  area = only_area();
  EXPECT_EQ(area.kilobytes["Private_Clean"], 12U);
  EXPECT_EQ(area.kilobytes["Private_Dirty"], 4U);
  EXPECT_EQ(area.kilobytes["Pss_Dirty"], 4U);
  expect_rollup_is_sum();
}

TEST_F(AreaUsageTest, APageMappedThriceIsAThirdEach) {
  make_object(1);
  map_object(1, PROT_READ, MAP_SHARED);
  for (unsigned at : {4U, 8U}) {
    must_map({.hint = page(at),
              .length = kPageSize,
              .protection = PROT_READ,
              .flags = MAP_SHARED | MAP_FIXED,
              .object = object_});
  }
  for (unsigned at : {0U, 4U, 8U}) peek(page(at));
  for (Area& area : areas_of(space_->smaps_text())) {
    EXPECT_EQ(area.kilobytes["Rss"], 4U);
    EXPECT_EQ(area.kilobytes["Pss"], 1U);
    EXPECT_EQ(area.kilobytes["Shared_Clean"], 4U);
  }
  // 4096 / 3 bytes thrice: the parts below a kilobyte count in the sum.
  auto rollup = areas_of(space_->smaps_rollup_text());
  EXPECT_EQ(rollup.front().kilobytes["Pss"], 3U);
  EXPECT_EQ(rollup.front().kilobytes["Pss_File"], 3U);
}

TEST_F(AreaUsageTest, AForkSharesAndTheCopyIsPrivate) {
  map(2);
  poke(page(0), 1);
  poke(page(1), 1);
  NoTranslationCache none;
  const auto child = *space_->fork(none, 0);
  Area area = only_area();
  EXPECT_EQ(area.kilobytes["Shared_Dirty"], 8U);
  EXPECT_EQ(area.kilobytes["Pss"], 4U);
  poke(page(0), 2);
  area = only_area();
  EXPECT_EQ(area.kilobytes["Shared_Dirty"], 4U);
  EXPECT_EQ(area.kilobytes["Private_Dirty"], 4U);
  EXPECT_EQ(area.kilobytes["Pss"], 6U);
  const auto childs = areas_of(child->smaps_text());
  EXPECT_EQ(childs.front().kilobytes.at("Private_Dirty"), 4U);
}

TEST_F(AreaUsageTest, NumaMapsHasOneNode) {
  make_object(4);
  map_object(4, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  map(2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 8);
  for (unsigned i = 0; i < 4; ++i) peek(page(i));
  poke(page(1), 1);
  EXPECT_EQ(
      space_->numa_maps_text(),
      "10000000 default file=/fake anon=1 dirty=1 mapped=4 active=0 N0=4 kernelpagesize_kB=4\n"
      "10008000 default\n");
}

TEST_F(AreaUsageTest, ClearReferencesByKind) {
  make_object(1);
  map_object(1, PROT_READ, MAP_SHARED);
  map(1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 4);
  using Pair = std::pair<std::uint64_t, std::uint64_t>;
  const auto referenced = [&] {
    auto areas = areas_of(space_->smaps_text());
    return Pair(areas[0].kilobytes["Referenced"], areas[1].kilobytes["Referenced"]);
  };
  const auto touch = [&] {
    peek(page(0));
    poke(page(4), 1);
    cache_.calls.clear();
  };
  touch();
  EXPECT_EQ(referenced(), Pair(4, 4));
  space_->clear_references(ReferenceScope::kAnonymous);
  EXPECT_EQ(referenced(), Pair(4, 0));
  EXPECT_THAT(cache_.calls,
              testing::ElementsAre(std::pair(AddressRange{page(4), page(5)}, Stricter::kGone)));
  touch();
  space_->clear_references(ReferenceScope::kMapped);
  EXPECT_EQ(referenced(), Pair(0, 4));
  touch();
  space_->clear_references(ReferenceScope::kAll);
  EXPECT_EQ(referenced(), Pair(0, 0));
  touch();
  EXPECT_EQ(referenced(), Pair(4, 4));
}

TEST_F(AreaUsageTest, PeakOfTheResidentSetStartsAnew) {
  map(8);
  for (unsigned i = 0; i < 8; ++i) poke(page(i), 1);
  ASSERT_TRUE(space_->unmap(page(2), 6 * kPageSize));
  EXPECT_EQ(space_->counts().peak_rss, 8U);
  space_->reset_peak_rss();
  EXPECT_EQ(space_->counts().peak_rss, 2U);
}

}  // namespace
}  // namespace gonzo::test
