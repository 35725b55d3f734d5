#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <span>
#include <thread>
#include <vector>

#include "unit/frame/arena.h"
#include <gonzo/frame/slab_allocator.h>

namespace gonzo {
namespace {

using test::Arena;

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::size_t kSizes[] = {8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192};

/// As code that no sanitizer looks at: a driver in assembly, a device.
[[gnu::no_sanitize_address, gnu::noinline]] void write_unseen(std::byte* at, std::byte value) {
  *static_cast<volatile std::byte*>(at) = value;
}

class SlabTest : public testing::Test {
 protected:
  SlabTest() : slabs_(std::in_place, *arena_) {}
  ~SlabTest() override {
    EXPECT_EQ(slabs_->verify(), "");
    EXPECT_EQ(arena_->verify(), "");
    slabs_.reset();
    EXPECT_EQ(arena_->check_all_free(), "");
  }
  std::byte* allocate(std::size_t bytes) {
    const auto made = slabs_->allocate(bytes);
    EXPECT_TRUE(made.has_value());
    return made.value_or(nullptr);
  }
  SlabCache& cache(std::size_t bytes, std::size_t alignment = 8) {
    return slabs_->add_cache({.name = "things", .bytes = bytes, .alignment = alignment});
  }

  Arena arena_{4096};
  std::optional<SlabAllocator> slabs_;
};

TEST_F(SlabTest, SizesAreRoundedAsLinuxDoes) {
  for (std::size_t bytes = 1; bytes <= SlabAllocator::kMostCached; ++bytes) {
    std::byte* const memory = allocate(bytes);
    EXPECT_EQ(slabs_->size_of(memory), *std::ranges::lower_bound(kSizes, bytes)) << bytes;
    slabs_->free(memory);
  }
  for (const auto& [bytes, size] : {std::pair<std::size_t, std::size_t>{8193, 4 * kPageSize},
                                    {20000, 8 * kPageSize},
                                    {kMiB, kMiB}}) {
    std::byte* const memory = allocate(bytes);
    EXPECT_EQ(slabs_->size_of(memory), size);
    EXPECT_EQ(slabs_->totals().unreclaimable * kPageSize,
              arena_.used(FrameState::kSlab) * kPageSize);
    slabs_->free(memory);
  }
  EXPECT_EQ(slabs_->allocate(0), fail(Errno::kInval));
  EXPECT_EQ(slabs_->allocate(SlabAllocator::kMost + 1), fail(Errno::kNoMem));
  slabs_->free(nullptr);
}

TEST_F(SlabTest, PowersOfTwoAreAlignedToTheirSize) {
  std::vector<std::byte*> all;
  for (const std::size_t bytes : kSizes) {
    for (int i = 0; i < 5; ++i) {
      all.push_back(allocate(bytes));
      const std::uint64_t physical = slabs_->physical(all.back()).value;
      EXPECT_EQ(physical % (std::min<std::size_t>(bytes & -bytes, kPageSize)), 0U) << bytes;
      EXPECT_EQ(arena_->address(PhysAddr(physical)), all.back());
    }
  }
  for (std::byte* const memory : all) slabs_->free(memory);
}

TEST_F(SlabTest, ObjectsAreContiguousAndApart) {
  SlabCache& things = cache(700);
  std::map<std::byte*, int> all;
  for (int i = 0; i < 200; ++i) {
    std::byte* const object = *things.allocate();
    std::memset(object, i, 700);
    EXPECT_TRUE(all.emplace(object, i).second);
  }
  for (const auto& [object, value] : all) {
    EXPECT_TRUE(std::ranges::all_of(std::span(object, 700),
                                    [&](std::byte b) { return b == std::byte(value); }));
  }
  EXPECT_EQ(things.stats().active, 200U);
  for (const auto& [object, value] : all) things.free(object);
  EXPECT_EQ(things.stats().active, 0U);
}

TEST_F(SlabTest, LastFreedIsFirstUsed) {
  SlabCache& things = cache(64);
  std::byte* const first = *things.allocate();
  std::byte* const second = *things.allocate();
  things.free(first);
  things.free(second);
  EXPECT_EQ(*things.allocate(), second);
  EXPECT_EQ(*things.allocate(), first);
  things.free(first);
  things.free(second);
}

TEST_F(SlabTest, ZeroedMeansZeroed) {
  SlabCache& things = cache(100);
  std::byte* object = *things.allocate();
  std::memset(object, 0xff, 100);
  things.free(object);
  object = *things.allocate(ZeroPolicy::kZeroed);
  EXPECT_TRUE(
      std::ranges::all_of(std::span(object, 100), [](std::byte b) { return b == std::byte{0}; }));
  things.free(object);
}

TEST_F(SlabTest, EmptySlabsGoButForAFew) {
  SlabCache& things = cache(1000);
  std::vector<std::byte*> all;
  for (int i = 0; i < 1000; ++i) all.push_back(*things.allocate());
  const std::uint64_t most = things.stats().slabs;
  for (std::byte* const object : all) things.free(object);
  EXPECT_LT(things.stats().slabs, most / 4);
  EXPECT_GT(things.stats().slabs, 0U);
  const std::uint64_t kept = arena_.used(FrameState::kSlab);
  EXPECT_EQ(slabs_->shrink(), kept);
  EXPECT_EQ(arena_.used(FrameState::kSlab), 0U);
  EXPECT_EQ(things.stats().slabs, 0U);
}

TEST_F(SlabTest, WithoutFramesNothingIsHad) {
  arena_->fail_nth(1);
  EXPECT_EQ(slabs_->allocate(64), fail(Errno::kNoMem));
  arena_->fail_nth(1);
  EXPECT_EQ(slabs_->allocate(64 << 10), fail(Errno::kNoMem));
  std::vector<std::byte*> all;
  while (const auto memory = slabs_->allocate(4096)) all.push_back(*memory);
  EXPECT_GT(all.size(), 1000U);
  for (std::byte* const memory : all) slabs_->free(memory);
  slabs_->free(allocate(64));
}

TEST_F(SlabTest, RandomLives) {
  std::mt19937 random(1);
  struct Life {
    std::byte* memory;
    std::size_t bytes;
    std::byte value;
  };
  std::vector<Life> lives;
  for (int step = 0; step < 20'000; ++step) {
    if (lives.empty() || random() % 100 < 52) {
      const std::size_t bytes = 1 + random() % (1U << (random() % 15));
      const Life life{allocate(bytes), bytes, std::byte(random())};
      std::memset(life.memory, std::to_integer<int>(life.value), bytes);
      lives.push_back(life);
    } else {
      std::swap(lives[random() % lives.size()], lives.back());
      const Life life = lives.back();
      lives.pop_back();
      ASSERT_EQ(life.memory[0], life.value);
      ASSERT_EQ(life.memory[life.bytes - 1], life.value);
      slabs_->free(life.memory);
    }
    if (step % 1000 == 0) {
      ASSERT_EQ(slabs_->verify(), "");
    }
  }
  for (const Life& life : lives) slabs_->free(life.memory);
}

TEST_F(SlabTest, ThreadsFreeWhatOthersAllocated) {
  SlabCache& things = cache(48);
  constexpr int kThreads = 4, kEach = 2000;
  std::vector<std::vector<std::byte*>> had(kThreads);
  const auto run = [&](auto work) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
    for (std::thread& thread : threads) thread.join();
  };
  run([&](int number) {
    for (int i = 0; i < kEach; ++i) {
      std::byte* const object = *things.allocate();
      std::memset(object, number, 48);
      had[number].push_back(object);
      if (i % 3 == 0) {
        things.free(had[number].back());
        had[number].pop_back();
      }
    }
  });
  std::set<std::byte*> different;
  for (const auto& each : had) different.insert(each.begin(), each.end());
  std::size_t count = 0;
  for (const auto& each : had) count += each.size();
  EXPECT_EQ(different.size(), count);
  EXPECT_EQ(things.stats().active, count);
  EXPECT_EQ(slabs_->verify(), "");
  run([&](int number) {
    for (std::byte* const object : had[(number + 1) % kThreads]) things.free(object);
    things.shrink();
  });
  EXPECT_EQ(things.stats().active, 0U);
}

TEST_F(SlabTest, InfoIsAsLinuxWritesIt) {
  SlabCache& things =
      slabs_->add_cache({.name = "vm_area_struct", .bytes = 192, .kind = SlabKind::kReclaimable});
  std::byte* const object = *things.allocate();
  const std::string text = slabs_->info_text();
  EXPECT_TRUE(text.starts_with(
      "slabinfo - version: 2.1\n"
      "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables "
      "<limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n"
      "vm_area_struct   "))
      << text;
  const std::string size = std::to_string(things.stride());
  const std::string objects = std::to_string(things.objects_per_slab());
  EXPECT_NE(text.find(" : tunables    0    0    0 : slabdata      1      1      0\nkmalloc-8k  "),
            text.npos)
      << text;
  EXPECT_NE(text.find("vm_area_struct         1     " + objects + "    " + size + "   " + objects +
                      "    1 : tunables"),
            text.npos)
      << text;
  EXPECT_TRUE(text.find("\nkmalloc-128 ") < text.find("\nkmalloc-96 ")) << text;
  EXPECT_EQ(slabs_->totals().reclaimable, 1U);
  EXPECT_EQ(slabs_->totals().unreclaimable, 0U);
  things.free(object);
}

using SlabDeathTest = SlabTest;

TEST_F(SlabDeathTest, WrongFreesEndTheRun) {
  SlabCache& things = cache(64);
  SlabCache& others = cache(64);
  std::byte* const object = *things.allocate();
  EXPECT_DEATH(others.free(object), "freed into another cache");
  EXPECT_DEATH(things.free(object + 8), "no object begins there");
  std::byte* const large = allocate(40'000);
  EXPECT_DEATH(slabs_->free(large + kPageSize), "freed by an address inside");
  slabs_->free(large);
  EXPECT_DEATH(slabs_->free(large), "freed as an object");
  things.free(object);
}

#ifndef NDEBUG
TEST_F(SlabDeathTest, DebugBuildsFindWhatElseIsWrong) {
  SlabCache& things = cache(60);
  std::byte* const object = *things.allocate();
  EXPECT_DEATH(
      {
        write_unseen(object + 60, std::byte{1});
        things.free(object);
      },
      "written past its end: object .* of cache things, offset 60");
  things.free(object);
  EXPECT_DEATH(things.free(object), "freed twice");
  EXPECT_DEATH(
      {
        write_unseen(object + 17, std::byte{1});
        static_cast<void>(things.allocate());
      },
      "written to while free: object .* of cache things, offset 17");
}
#endif

#ifdef __SANITIZE_ADDRESS__
TEST_F(SlabDeathTest, SanitizersFindItAtOnce) {
  SlabCache& things = cache(64);
  auto* const object = static_cast<volatile std::byte*>(*things.allocate());
  EXPECT_DEATH(object[64] = std::byte{1}, "use-after-poison");
  things.free(const_cast<std::byte*>(object));
  EXPECT_DEATH(object[0] = std::byte{1}, "use-after-poison");
}
#endif

}  // namespace
}  // namespace gonzo
