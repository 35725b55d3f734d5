// A process's parts, the map of frames, and how they fit a terminal.
#include "observe/memory_report.h"

#include <gmock/gmock.h>

#include <sstream>

#include "observe/wrap.h"
#include "unit/paging/arena.h"

namespace gonzo::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = MemoryPart::Kind;
using Maps = AreaReport::Maps;

AreaReport area(std::uint64_t start, std::uint64_t end, std::string name, Maps maps,
                std::uint64_t resident = 0) {
  AreaReport report{.range = {VirtAddr(start), VirtAddr(end)},
                    .line = {},
                    .name = std::move(name),
                    .maps = maps,
                    .usage = {}};
  report.usage.resident = resident;
  return report;
}

SegmentBounds bounds() {
  SegmentBounds bounds{};
  bounds.start_code = VirtAddr(0x11000);
  bounds.end_code = VirtAddr(0x11800);
  bounds.start_data = VirtAddr(0x13e00);
  bounds.end_data = VirtAddr(0x14010);
  bounds.start_brk = VirtAddr(0x16040);
  bounds.brk = VirtAddr(0x18000);
  bounds.start_stack = VirtAddr(0x90000);
  return bounds;
}

TEST(MemoryParts, AsTextbooksDrawThem) {
  const auto parts = memory_parts(
      {area(0x10000, 0x11000, "/bin/x", Maps::kFile), area(0x11000, 0x13000, "/bin/x", Maps::kFile),
       area(0x13000, 0x15000, "/bin/x", Maps::kFile, 0x1000),
       area(0x15000, 0x17000, "", Maps::kNothing),
       area(0x17000, 0x18000, "[heap]", Maps::kNothing, 0x1000),
       area(0x40000, 0x42000, "/lib/c", Maps::kFile), area(0x50000, 0x51000, "", Maps::kNothing),
       area(0x60000, 0x61000, "/lib/c", Maps::kFile),
       area(0x80000, 0x91000, "[stack]", Maps::kNothing)},
      bounds());
  std::vector<Kind> kinds;
  for (const MemoryPart& part : parts) kinds.push_back(part.kind);
  EXPECT_THAT(kinds, ElementsAre(Kind::kStack, Kind::kMmap, Kind::kHeap, Kind::kBss, Kind::kData,
                                 Kind::kText));
  EXPECT_EQ(parts[5].range, (AddressRange{VirtAddr(0x10000), VirtAddr(0x13000)}));
  EXPECT_EQ(parts[4].usage.present, 0x1000U);
  EXPECT_EQ(parts[4].usage.absent(), 0x1000U);
  EXPECT_EQ(parts[1].usage.areas, 3U);
  ASSERT_EQ(parts[1].members.size(), 2U);
  EXPECT_EQ(parts[1].members[0].name, "/lib/c");
  EXPECT_EQ(parts[1].members[0].usage.size, 0x3000U);
  EXPECT_EQ(parts[1].members[1].name, "anonymous");
}

TEST(FrameMapOf, FindsEachFrameOnce) {
  Arena arena;
  const Pfn table = arena.allocate(FrameState::kPageTable);
  const auto block = arena.frames().allocate(4, FrameState::kKernel, ZeroPolicy::kDontCare);
  ASSERT_TRUE(block);
  arena.frames().frame(table).maps = 3;
  const FrameMap map = FrameMap::of(arena.frames());
  arena.frames().frame(table).maps = 0;
  std::uint64_t next = 0, kernel = 0;
  for (const FrameRun& run : map.runs) {
    EXPECT_EQ(run.first.value, next);
    next += run.frames;
    if (run.use == FrameUse::kKernel) kernel += run.frames;
    if (run.first == *block) {
      EXPECT_EQ(run.use, FrameUse::kKernel);
    }
  }
  EXPECT_EQ(next, arena.frames().frame_count());
  EXPECT_EQ(map.frames, next);
  EXPECT_EQ(kernel, 16U);
  EXPECT_EQ(map.runs.front().use, FrameUse::kReserved);
  EXPECT_EQ(map.runs.back().use, FrameUse::kUnused);
  EXPECT_THAT(map.shared, ElementsAre(std::pair(3, 1U)));
  arena.frames().free(*block, 4);
  arena.frames().put(table);
}

TEST(FrameMapText, LeavesOutRowsWithNothingInUse) {
  FrameMap map;
  map.runs = {{Pfn(0), 1, FrameUse::kReserved},
              {Pfn(1), 63, FrameUse::kAnonymous},
              {Pfn(64), 64 * 100, FrameUse::kFree},
              {Pfn(64 * 101), 2, FrameUse::kPageTable},
              {Pfn(64 * 101 + 2), 62, FrameUse::kUnused}};
  map.frames = 64 * 102;
  const std::string text = frame_map_text(map, kUsualWidth);
  EXPECT_THAT(text, HasSubstr("\n         0 r" + std::string(63, 'a') + "\n      1940 tt\n"));
}

TEST(FrameMapText, GetsCoarserForLargeMachines) {
  FrameMap map;
  for (std::uint32_t i = 0; i < 100000; ++i) {
    map.runs.push_back({Pfn(i * 8), 5, FrameUse::kFile});
    map.runs.push_back({Pfn(i * 8 + 5), 3, FrameUse::kFree});
  }
  for (const std::size_t width : {kLeastWidth, kUsualWidth}) {
    const std::string text = frame_map_text(map, width);
    EXPECT_LE(std::ranges::count(text, '\n'), 24 + 5);
    EXPECT_THAT(text, HasSubstr(" fffffff"));
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), width) << line;
  }
}

TEST(Wrap, CutsAtSpaces) {
  std::string text;
  append_wrapped(text, "one two  three four", 2, 11);
  EXPECT_EQ(text, "  one two\n    three\n    four\n");
  EXPECT_EQ(shortened("/usr/lib/libc.so", 9), "...ibc.so");
  EXPECT_EQ(shortened("short", 9), "short");
}

}  // namespace
}  // namespace gonzo::test
