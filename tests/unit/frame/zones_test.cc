// Which zone serves whom, and what happens when memory runs low.
#include <gtest/gtest.h>

#include <vector>

#include "frame/watermarks.h"
#include "unit/frame/arena.h"

namespace gonzo {
namespace {

using test::Arena;

constexpr std::uint64_t kMiB = (1 << 20) / kPageSize;
constexpr auto kAnon = FrameState::kAnonymous;
constexpr auto kAny = ZeroPolicy::kDontCare;

std::vector<ZoneStats> zones_of(const FrameAllocator& frames) {
  std::array<ZoneStats, 3> all;
  const auto zones = frames.zone_stats(all);
  return {zones.begin(), zones.end()};
}

TEST(Zones, FollowTheLayout) {
  Arena wide(5 * 1024 * kMiB);
  auto zones = zones_of(*wide);
  ASSERT_EQ(zones.size(), 3U);
  EXPECT_EQ(zones[0].kind, ZoneKind::kDma);
  EXPECT_EQ(zones[1].kind, ZoneKind::kDma32);
  EXPECT_EQ(zones[1].start, Pfn(16 * kMiB));
  EXPECT_EQ(zones[2].kind, ZoneKind::kNormal);
  EXPECT_EQ(zones[2].start, Pfn(4096 * kMiB));
  EXPECT_EQ(zones[2].spanned, 1024 * kMiB);

  Arena classic(1024 * kMiB, {.layout = ZoneLayout::kClassic});
  zones = zones_of(*classic);
  ASSERT_EQ(zones.size(), 3U);
  EXPECT_EQ(zones[1].kind, ZoneKind::kNormal);
  EXPECT_EQ(zones[2].kind, ZoneKind::kHighMem);
  EXPECT_EQ(zones[2].start, Pfn(896 * kMiB));

  Arena small(8 * kMiB);
  EXPECT_EQ(zones_of(*small).size(), 1U);
}

TEST(Zones, HighestServesFirst) {
  Arena wide(5 * 1024 * kMiB);
  EXPECT_GE(wide->allocate(0, kAnon, kAny).value(), Pfn(4096 * kMiB));
  EXPECT_GE(wide->allocate(0, FrameState::kKernel, kAny).value(), Pfn(4096 * kMiB));
  EXPECT_GE(wide->allocate(10, kAnon, kAny).value(), Pfn(4096 * kMiB));
}

TEST(Zones, KernelMemoryIsNotInHighMem) {
  Arena classic(1024 * kMiB, {.layout = ZoneLayout::kClassic});
  const Pfn high = classic->allocate(0, kAnon, kAny).value();
  EXPECT_GE(high, Pfn(896 * kMiB));
  classic->put(high);
  for (FrameState state : {FrameState::kKernel, FrameState::kPageTable}) {
    const Pfn low = classic->allocate(0, state, kAny).value();
    EXPECT_LT(low, Pfn(896 * kMiB));
    EXPECT_GE(low, Pfn(16 * kMiB));
    classic->put(low);
  }
  EXPECT_EQ(classic->check_all_free(), "");
}

TEST(Zones, LowerOnesServeWhenTheHighestIsEmpty) {
  Arena arena(16 * kMiB + 32);
  for (int i = 0; i < 32; ++i) {
    EXPECT_GE(arena->allocate(0, kAnon, kAny).value(), Pfn(16 * kMiB));
  }
  EXPECT_LT(arena->allocate(0, kAnon, kAny).value(), Pfn(16 * kMiB));
}

TEST(Zones, CountFreeFramesAndBlocks) {
  Arena arena(16 * kMiB);
  const Pfn single = arena->allocate(0, kAnon, kAny).value();
  ZoneStats zone = zones_of(*arena)[0];
  EXPECT_EQ(zone.spanned, 4096U);
  EXPECT_EQ(zone.free, 4094U);
  const Pfn block = arena->allocate(10, kAnon, kAny).value();
  zone = zones_of(*arena)[0];
  EXPECT_EQ(zone.free, 4094U - 1024);
  EXPECT_EQ(zone.virgin, 2048U);
  arena->put(single);
  arena->free(block, 10);
  arena->drain();
  zone = zones_of(*arena)[0];
  EXPECT_EQ(zone.free, 4095U);
  for (unsigned order = 0; order <= kMaxOrder; ++order) EXPECT_EQ(zone.free_blocks[order], 1U);
}

// Sizes and protections from /proc/zoneinfo of a Linux 6.18 machine. Its minima were raised by
// khugepaged; these are what init_per_zone_wmark_min computes before.
TEST(Watermarks, ShareAsOnLinux) {
  const std::array<ZoneSize, 3> zones{
      {{ZoneKind::kDma, 3840}, {ZoneKind::kDma32, 772915}, {ZoneKind::kNormal, 425984}}};
  std::array<Watermarks, 3> marks;
  compute_watermarks(zones, marks);
  EXPECT_EQ(marks[0].reserve, 4683U);
  EXPECT_EQ(marks[1].reserve, 1664U);
  EXPECT_EQ(marks[2].reserve, 0U);
  // sqrt(4810960 KiB * 16) = 8773 KiB = 2193 frames.
  EXPECT_EQ(marks[0].min, 7U);
  EXPECT_EQ(marks[1].min, 1409U);
  EXPECT_EQ(marks[2].min, 776U);
  EXPECT_EQ(marks[1].low, 1409U + 772U);
  EXPECT_EQ(marks[1].high, 1409U + 2 * 772U);
}

TEST(Watermarks, HighMemKeepsLittle) {
  const std::array<ZoneSize, 2> zones{{{ZoneKind::kNormal, 225280}, {ZoneKind::kHighMem, 32768}}};
  std::array<Watermarks, 2> marks;
  compute_watermarks(zones, marks);
  EXPECT_EQ(marks[1].min, 32U);
  EXPECT_EQ(marks[0].reserve, 1024U);
}

/// Gives back what it was handed, one frame a call.
struct Reclaimer : PressureHandler {
  bool make_room(std::size_t frames) override {
    ++calls;
    asked = frames;
    if (always) return true;
    if (held.empty()) return false;
    allocator->put(held.back());
    held.pop_back();
    return true;
  }
  FrameAllocator* allocator = nullptr;
  std::vector<Pfn> held;
  std::size_t asked = 0;
  int calls = 0;
  bool always = false;
};

class Pressure : public testing::Test {
 protected:
  Pressure() { reclaimer_.allocator = &*arena_; }
  /// As much as this state may have without pressure.
  void use_up(FrameState state) {
    while (reclaimer_.calls == 0) {
      if (auto pfn = arena_->allocate(0, state, kAny)) reclaimer_.held.push_back(*pfn);
    }
    reclaimer_.calls = 0;
  }

  Reclaimer reclaimer_;
  Arena arena_{4096, {.pressure = &reclaimer_}};
};

TEST_F(Pressure, OrdinaryAllocationsLeaveTheMinimum) {
  use_up(kAnon);
  const ZoneStats zone = zones_of(*arena_)[0];
  EXPECT_GT(zone.watermark_min, 100U);
  EXPECT_EQ(zone.free, zone.watermark_min);
  EXPECT_LT(zone.watermark_min, zone.watermark_low);
  EXPECT_LT(zone.watermark_low, zone.watermark_high);
}

TEST_F(Pressure, KernelUsesTheReserveWithoutOpeningItToOthers) {
  use_up(kAnon);
  EXPECT_TRUE(arena_->allocate(0, FrameState::kPageTable, kAny));
  EXPECT_TRUE(arena_->allocate(0, FrameState::kKernel, kAny));
  EXPECT_TRUE(arena_->allocate(4, FrameState::kKernel, kAny));
  EXPECT_EQ(reclaimer_.calls, 0);
  reclaimer_.held.clear();
  EXPECT_FALSE(arena_->allocate(0, kAnon, kAny));
  EXPECT_FALSE(arena_->allocate(1, kAnon, kAny));
  EXPECT_EQ(arena_->verify(), "");
}

TEST(PressureAcrossZones, LowerZonesKeepMore) {
  Reclaimer reclaimer;
  Arena arena(128 * kMiB, {.pressure = &reclaimer});
  reclaimer.allocator = &*arena;
  while (arena->allocate(10, kAnon, kAny)) {
  }
  while (arena->allocate(0, kAnon, kAny)) {
  }
  const auto zones = zones_of(*arena);
  EXPECT_EQ(zones[1].free, zones[1].watermark_min);
  // A frame for each 256 of the 112 MiB above.
  EXPECT_EQ(zones[0].free, zones[0].watermark_min + 112);
  EXPECT_TRUE(arena->allocate(0, FrameState::kKernel, kAny));
}

TEST_F(Pressure, ReclaimedFramesServeTheAllocation) {
  use_up(kAnon);
  EXPECT_TRUE(arena_->allocate(0, kAnon, ZeroPolicy::kZeroed));
  EXPECT_EQ(reclaimer_.calls, 1);
  EXPECT_EQ(reclaimer_.asked, 1U);
  EXPECT_EQ(arena_->verify(), "");
}

TEST_F(Pressure, AsksUntilABlockIsThere) {
  use_up(kAnon);
  EXPECT_TRUE(arena_->allocate(1, kAnon, kAny));
  EXPECT_EQ(reclaimer_.asked, 2U);
  EXPECT_GE(reclaimer_.calls, 2);
}

TEST_F(Pressure, EndsWhenTheHandlerGivesUp) {
  use_up(kAnon);
  reclaimer_.held.clear();
  EXPECT_EQ(arena_->allocate(0, kAnon, kAny).error(), Errno::kNoMem);
  EXPECT_EQ(reclaimer_.calls, 1);
}

TEST_F(Pressure, EndsWhenTheHandlerFreesNothing) {
  use_up(kAnon);
  reclaimer_.always = true;
  EXPECT_EQ(arena_->allocate(0, kAnon, kAny).error(), Errno::kNoMem);
  EXPECT_GT(reclaimer_.calls, 1);
  EXPECT_LE(reclaimer_.calls, 32);
}

TEST_F(Pressure, KernelMayUseTheLastFrame) {
  use_up(FrameState::kKernel);
  EXPECT_EQ(arena_->stats().free, 0U);
}

}  // namespace
}  // namespace gonzo
