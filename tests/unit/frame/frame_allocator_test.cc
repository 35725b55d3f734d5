#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "unit/frame/arena.h"
#include <gonzo/frame/frame_allocator.h>

namespace gonzo {
namespace {

using test::Arena;
using test::Memory;

constexpr auto kAnon = FrameState::kAnonymous;
constexpr auto kAny = ZeroPolicy::kDontCare;
constexpr auto kZero = ZeroPolicy::kZeroed;

Errno create_error(std::span<std::byte> memory) {
  auto made = FrameAllocator::create({.memory = memory});
  return made ? Errno{} : made.error();
}

/// Single frames until there are no more.
std::vector<Pfn> take_all(FrameAllocator& frames, FrameState state = kAnon) {
  std::vector<Pfn> all;
  while (auto pfn = frames.allocate(0, state, kAny)) all.push_back(*pfn);
  return all;
}

void put_all(FrameAllocator& frames, const std::vector<Pfn>& all) {
  for (Pfn pfn : all) EXPECT_TRUE(frames.put(pfn));
}

TEST(FrameAllocatorCreate, RefusesBadMemory) {
  Memory memory(4);
  const auto span = memory.span();
  EXPECT_EQ(create_error({}), Errno::kInval);
  EXPECT_EQ(create_error(span.subspan(1)), Errno::kInval);
  EXPECT_EQ(create_error(span.subspan(8, kPageSize)), Errno::kInval);
  EXPECT_EQ(create_error(span.first(kPageSize + 8)), Errno::kInval);
  EXPECT_EQ(create_error({span.data(), std::size_t{16} << 40}), Errno::kInval);
  EXPECT_EQ(create_error(span), Errno{});
}

TEST(FrameAllocatorCreate, TouchesNoMemory) {
  Arena arena(1 << 16, {}, PROT_NONE);
  EXPECT_EQ(arena->verify(), "");
  EXPECT_EQ(arena->stats().free, (1U << 16) - 1);
}

TEST(FrameAllocatorCreate, KeepsFrameZero) {
  Arena arena(1);
  EXPECT_EQ(arena->frame(Pfn(0)).state, FrameState::kReserved);
  EXPECT_FALSE(arena->allocate(0, kAnon, kAny));
  EXPECT_EQ(arena->check_all_free(), "");
}

TEST(FrameAllocatorCreate, KeepsTheFirstFramesThatItIsToldTo) {
  Arena arena(64, {.first = Pfn(16)});
  EXPECT_EQ(arena->stats().free, 48U);
  EXPECT_EQ(arena.used(FrameState::kReserved), 16U);
  EXPECT_EQ(arena->frame(Pfn(15)).state, FrameState::kReserved);
  std::vector<Pfn> frames;
  while (const auto pfn = arena->allocate(0, kAnon, kAny)) {
    EXPECT_GE(*pfn, Pfn(16));
    frames.push_back(*pfn);
  }
  EXPECT_EQ(frames.size(), 48U);
  EXPECT_EQ(arena->verify(), "");
  for (const Pfn pfn : frames) arena->put(pfn);
  EXPECT_EQ(arena->check_all_free(), "");
}

TEST(FrameAllocator, GivesFreshDescriptors) {
  Arena arena(64);
  const Pfn pfn = arena->allocate(0, FrameState::kPageCache, kAny).value();
  Frame& frame = arena->frame(pfn);
  frame.mapping = &arena;
  frame.index = 7;
  frame.private_data = 9;
  frame.live_entries = 3;
  frame.set(frame_flags::kDirty);
  ASSERT_TRUE(arena->put(pfn));
  EXPECT_EQ(arena->verify(), "");

  ASSERT_EQ(arena->allocate(0, kAnon, kAny).value(), pfn);
  EXPECT_EQ(frame.state, kAnon);
  EXPECT_EQ(frame.refs, 1);
  EXPECT_EQ(frame.maps, 0);
  EXPECT_EQ(frame.order, 0);
  EXPECT_EQ(frame.flags, 0);
  EXPECT_EQ(frame.live_entries, 0U);
  EXPECT_EQ(frame.mapping, nullptr);
  EXPECT_EQ(frame.index, 0U);
  EXPECT_EQ(frame.private_data, 0U);
  arena->put(pfn);
}

TEST(FrameAllocator, FreshFramesAreAdjacentAndAscend) {
  Arena arena(8192);
  Pfn last = arena->allocate(0, kAnon, kAny).value();
  for (int i = 0; i < 3000; ++i) {
    const Pfn next = arena->allocate(0, kAnon, kAny).value();
    ASSERT_EQ(next, last + 1);
    last = next;
  }
  last = arena->allocate_split(4, kAnon, kAny).value();
  for (int i = 0; i < 50; ++i) {
    const Pfn next = arena->allocate_split(4, kAnon, kAny).value();
    ASSERT_EQ(next, last + 16);
    last = next;
  }
}

TEST(FrameAllocator, ReusesTheFrameFreedLast) {
  Arena arena(4096);
  const Pfn a = arena->allocate(0, kAnon, kAny).value();
  const Pfn b = arena->allocate(0, kAnon, kAny).value();
  arena->put(a);
  arena->put(b);
  EXPECT_EQ(arena->allocate(0, kAnon, kAny).value(), b);
  EXPECT_EQ(arena->allocate(0, kAnon, kAny).value(), a);
}

TEST(FrameAllocator, KnownZeroMemoryIsNotClearedAgain) {
  // Writing to it would be a segmentation fault.
  Arena arena(4096, {}, PROT_READ);
  const Pfn first = arena->allocate(0, kAnon, kZero).value();
  EXPECT_TRUE(arena.is_filled(first, 0));
  EXPECT_TRUE(arena.is_filled(arena->allocate_split(4, kAnon, kZero).value(), 0, 16));
  EXPECT_TRUE(arena.is_filled(arena->allocate(9, kAnon, kZero).value(), 0, 512));
  // Known also after an unused batch went back to the zone.
  arena->drain();
  EXPECT_EQ(arena->allocate(0, kAnon, kZero).value(), first + 1);
}

TEST(FrameAllocator, UsedMemoryIsClearedOnDemand) {
  Arena arena(64);
  for (unsigned order : {0U, 3U}) {
    const Pfn dirty = arena->allocate(order, kAnon, kAny).value();
    arena.fill(dirty, 0x5a, 1U << order);
    arena->free(dirty, order);
    const Pfn again = arena->allocate(order, kAnon, kZero).value();
    EXPECT_EQ(again, dirty);
    EXPECT_TRUE(arena.is_filled(again, 0, 1U << order));
    arena->free(again, order);
  }
  // A block that merged from used and never used frames.
  const Pfn one = arena->allocate(0, kAnon, kAny).value();
  arena.fill(one, 0x5a);
  arena->put(one);
  arena->drain();
  const Pfn block = arena->allocate(4, kAnon, kZero).value();
  EXPECT_TRUE(arena.is_filled(block, 0, 16));
}

TEST(FrameAllocator, MergedMemoryIsKnownZeroOnlyIfBothHalvesAre) {
  // The never used half lies in one thread's list, the used one in another's, in both orders.
  const auto in_thread = [](auto what) { std::jthread(what).join(); };
  for (const bool swapped : {false, true}) {
    Arena arena(64);
    Pfn dirty;
    const auto use = [&] {
      ASSERT_EQ(arena->allocate(0, kAnon, kAny).value(), Pfn(1));
      dirty = arena->allocate(0, kAnon, kAny).value();
      arena.fill(dirty, 0x5a);
    };
    const auto give_back = [&] { arena->put(dirty); };
    swapped ? in_thread(use) : use();
    swapped ? give_back() : in_thread(give_back);
    arena->drain();
    ASSERT_EQ(arena->verify(), "");
    const Pfn pair = arena->allocate(1, kAnon, kZero).value();
    ASSERT_EQ(pair, dirty);
    EXPECT_TRUE(arena.is_filled(pair, 0, 2));
  }
}

TEST(FrameAllocator, BlocksAreAlignedToTheirSize) {
  Arena arena(8192);
  arena->allocate(0, kAnon, kAny).value();
  for (unsigned order = 0; order <= kMaxOrder; ++order) {
    const Pfn block = arena->allocate(order, FrameState::kKernel, kAny).value();
    EXPECT_EQ(block.value % (1U << order), 0U) << order;
    EXPECT_EQ(arena->frame(block).order, order);
    EXPECT_EQ(arena->verify(), "");
  }
}

TEST(FrameAllocator, SplitBlocksAreFreedFrameByFrame) {
  Arena arena(2048);
  const Pfn block = arena->allocate_split(10, kAnon, kAny).value();
  EXPECT_EQ(block.value % 1024, 0U);
  EXPECT_EQ(arena->verify(), "");
  for (std::uint32_t i = 0; i < 1024; i += 2) EXPECT_TRUE(arena->put(block + i));
  EXPECT_EQ(arena->verify(), "");
  EXPECT_FALSE(arena->allocate(10, kAnon, kAny));
  for (std::uint32_t i = 1; i < 1024; i += 2) EXPECT_TRUE(arena->put(block + i));
  EXPECT_EQ(arena->check_all_free(), "");
  EXPECT_EQ(arena->allocate(10, kAnon, kAny).value(), block);
}

TEST(FrameAllocator, GivesOutEveryFrameOnce) {
  for (std::uint64_t size : {2U, 3U, 64U, 100U, 1024U, 1025U, 4097U, 5000U}) {
    Arena arena(size);
    const std::vector<Pfn> all = take_all(*arena);
    EXPECT_EQ(all.size(), size - 1);
    EXPECT_EQ(std::set<Pfn>(all.begin(), all.end()).size(), size - 1);
    EXPECT_EQ(arena->stats().free, 0U);
    EXPECT_EQ(arena->verify(), "");
    put_all(*arena, all);
    EXPECT_EQ(arena->check_all_free(), "");
    EXPECT_EQ(arena->stats().free, size - 1);
  }
}

TEST(FrameAllocator, MergesListedFramesBeforeItGivesUp) {
  Arena arena(1024);
  put_all(*arena, take_all(*arena));
  // Up to 128 frames lie in this thread's list now, among them parts of the upper half.
  EXPECT_TRUE(arena->allocate(9, kAnon, kAny));
}

TEST(FrameAllocator, CountsReferences) {
  Arena arena(64);
  const Pfn pfn = arena->allocate(0, kAnon, kAny).value();
  arena->get(pfn);
  arena->get(pfn);
  EXPECT_FALSE(arena->put(pfn));
  EXPECT_FALSE(arena->put(pfn));
  EXPECT_EQ(arena.used(kAnon), 1U);
  EXPECT_TRUE(arena->put(pfn));
  EXPECT_EQ(arena.used(kAnon), 0U);

  const Pfn block = arena->allocate(3, kAnon, kAny).value();
  arena->get(block);
  EXPECT_FALSE(arena->put(block));
  EXPECT_TRUE(arena->put(block));
  EXPECT_EQ(arena->check_all_free(), "");
}

TEST(FrameAllocator, CountsByState) {
  Arena arena(4096);
  const Pfn table = arena->allocate(0, FrameState::kPageTable, kZero).value();
  const Pfn kernel = arena->allocate(3, FrameState::kKernel, kAny).value();
  const Pfn anon = arena->allocate_split(4, kAnon, kZero).value();
  EXPECT_EQ(arena.used(FrameState::kPageTable), 1U);
  EXPECT_EQ(arena.used(FrameState::kKernel), 8U);
  EXPECT_EQ(arena.used(kAnon), 16U);
  EXPECT_EQ(arena.used(FrameState::kReserved), 1U);
  FrameStats stats = arena->stats();
  EXPECT_EQ(stats.total, 4096U);
  EXPECT_EQ(stats.free, 4096U - 26);
  std::uint64_t sum = 0;
  for (std::uint64_t frames : stats.by_state) sum += frames;
  EXPECT_EQ(sum, stats.total);

  arena->put(table);
  arena->free(kernel, 3);
  for (std::uint32_t i = 0; i < 16; ++i) arena->put(anon + i);
  stats = arena->stats();
  EXPECT_EQ(stats.free, 4095U);
  EXPECT_EQ(stats.by_state[std::to_underlying(FrameState::kFree)], 4095U);
}

TEST(FrameAllocator, RemembersThePeak) {
  Arena arena(4096);
  EXPECT_EQ(arena->stats().peak_used, 1U);
  std::vector<Pfn> held;
  for (int i = 0; i < 10; ++i) held.push_back(arena->allocate(0, kAnon, kAny).value());
  put_all(*arena, held);
  EXPECT_EQ(arena->stats().peak_used, 11U);
  arena->free(arena->allocate(3, kAnon, kAny).value(), 3);
  EXPECT_EQ(arena->stats().peak_used, 11U);
  held.clear();
  for (int i = 0; i < 100; ++i) held.push_back(arena->allocate(0, kAnon, kAny).value());
  arena->free(arena->allocate(4, kAnon, kAny).value(), 4);
  put_all(*arena, held);
  EXPECT_EQ(arena->stats().peak_used, 117U);
}

TEST(FrameAllocator, FailsTheNthAllocation) {
  Arena arena(64);
  arena->fail_nth(3);
  EXPECT_TRUE(arena->allocate(0, kAnon, kAny));
  EXPECT_TRUE(arena->allocate_split(1, kAnon, kAny));
  EXPECT_EQ(arena->allocate(0, kAnon, kAny).error(), Errno::kNoMem);
  EXPECT_TRUE(arena->allocate(0, kAnon, kAny));
  arena->fail_nth(1);
  arena->fail_nth(0);
  EXPECT_TRUE(arena->allocate(0, kAnon, kAny));
}

TEST(FrameAllocator, ReportsLeaks) {
  Arena arena(64);
  const Pfn pfn = arena->allocate(0, FrameState::kPageTable, kAny).value();
  EXPECT_THAT(arena->check_all_free(),
              testing::AllOf(testing::HasSubstr("1 frames are not free"),
                             testing::HasSubstr("frame 1 (page table, order 0, refs 1")));
  arena->put(pfn);
  EXPECT_EQ(arena->check_all_free(), "");
}

TEST(FrameAllocator, VerifyNoticesDamage) {
  Arena arena(4096);
  const Pfn pfn = arena->allocate(0, kAnon, kAny).value();
  EXPECT_EQ(arena->verify(), "");
  Frame& used = arena->frame(pfn);
  used.refs = 0;
  EXPECT_NE(arena->verify(), "");
  used.refs = 1;
  used.state = FrameState::kKernel;
  EXPECT_THAT(arena->verify(), testing::HasSubstr("anonymous frames: 0, counted 1"));
  used.state = FrameState::kFree;
  EXPECT_THAT(arena->verify(), testing::HasSubstr("on no list"));
  used.state = kAnon;
  Frame& listed = arena->frame(pfn + 1);
  listed.refs = 1;
  EXPECT_THAT(arena->verify(), testing::HasSubstr("on a thread's list"));
  listed.refs = 0;
  Frame& virgin = arena->frame(Pfn(4095));
  virgin.refs = 1;
  EXPECT_THAT(arena->verify(), testing::HasSubstr("virgin memory in use"));
  virgin.refs = 0;
  EXPECT_EQ(arena->verify(), "");
}

struct Marks : GrowthListener {
  void grown_to(Pfn virgin_start) override { all.push_back(virgin_start.value); }
  std::vector<std::uint32_t> all;
};

TEST(FrameAllocatorGrowth, AnnouncesMemoryBeforeItIsUsed) {
  Marks marks;
  Arena arena(6000, {.growth = &marks});
  std::vector<Pfn> held;
  while (auto pfn = arena->allocate(0, kAnon, kAny)) {
    ASSERT_FALSE(marks.all.empty());
    // The DMA zone's frames come after the ones above it.
    if (pfn->value >= 4096) {
      ASSERT_LT(pfn->value, marks.all.back());
    }
    held.push_back(*pfn);
  }
  EXPECT_THAT(std::vector(marks.all.begin(), marks.all.begin() + 2),
              testing::ElementsAre(5120U, 5632U));
  EXPECT_EQ(marks.all.back(), 4096U);
  const std::size_t before = marks.all.size();
  put_all(*arena, held);
  held = take_all(*arena);
  EXPECT_EQ(marks.all.size(), before);
}

/// Frees what it holds when it is told of growth.
struct Returner : GrowthListener {
  void grown_to(Pfn) override {
    put_all(*allocator, held);
    held.clear();
  }
  FrameAllocator* allocator = nullptr;
  std::vector<Pfn> held;
};

TEST(FrameAllocatorGrowth, ListenerMayUseTheAllocator) {
  Returner returner;
  Arena arena(8192, {.growth = &returner});
  returner.allocator = &*arena;
  std::vector<Pfn> all;
  while (all.size() < 1024) all.push_back(arena->allocate(0, kAnon, kAny).value());
  returner.held.assign(all.begin(), all.begin() + 120);
  // The batch that the next frame comes with finds the list nearly filled by the listener.
  EXPECT_TRUE(arena->allocate(0, kAnon, kAny));
  EXPECT_TRUE(returner.held.empty());
  EXPECT_EQ(arena->verify(), "");
  EXPECT_EQ(arena.used(kAnon), 1024U - 120 + 1);
}

}  // namespace
}  // namespace gonzo
