// zram: what is stored comes back, what compresses takes less, and the machine's frames are used.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <random>
#include <thread>

#include "swap/compressed_store.h"
#include "unit/frame/arena.h"
#include "unit/swap/sample_pages.h"
#include <gonzo/swap/compressed_swap_device.h>

namespace gonzo {
namespace {

using test::PageKind;
using test::sample_page;

class CompressedSwapDeviceTest : public testing::TestWithParam<SwapCompression> {
 protected:
  void SetUp() override { make({}); }
  void TearDown() override {
    device_.reset();
    arena_->drain();
    EXPECT_EQ(arena_->check_all_free(), "");
  }

  void make(CompressedSwapDevice::Config config) {
    config.bytes = kSlots * kPageSize;
    config.compression = GetParam();
    device_ = std::move(*CompressedSwapDevice::create(*arena_, config));
  }
  Result<void> write(std::uint64_t slot, const std::vector<std::byte>& page) {
    const std::byte* const from = page.data();
    return device_->write(slot, std::span(&from, 1));
  }
  Result<std::vector<std::byte>> read(std::uint64_t slot) {
    std::vector<std::byte> page(kPageSize, std::byte{0xee});
    std::byte* const to = page.data();
    GONZO_TRY(device_->read(slot, std::span(&to, 1)));
    return page;
  }
  void fill(PageKind kind) {
    for (std::uint64_t i = 0; i < kSlots; ++i) ASSERT_TRUE(write(i, sample_page(kind, i)));
    for (std::uint64_t i = 0; i < kSlots; ++i) ASSERT_EQ(read(i), sample_page(kind, i));
  }
  std::uint64_t pool_frames() { return arena_.used(FrameState::kKernel); }

  static constexpr std::uint64_t kSlots = 512;
  test::Arena arena_{1024};
  std::unique_ptr<CompressedSwapDevice> device_;
};

INSTANTIATE_TEST_SUITE_P(, CompressedSwapDeviceTest,
                         testing::Values(SwapCompression::kLz4, SwapCompression::kZstd),
                         [](const auto& chosen) {
                           return chosen.param == SwapCompression::kLz4 ? "Lz4" : "Zstd";
                         });

TEST_P(CompressedSwapDeviceTest, PagesOfOneWordTakeNoFrames) {
  fill(PageKind::kSameFilled);
  EXPECT_EQ(pool_frames(), 0U);
  EXPECT_EQ(device_->stats().same_filled, kSlots);
  fill(PageKind::kZero);
  EXPECT_EQ(device_->stats().same_filled, kSlots);
  EXPECT_EQ(device_->stats().stored, kSlots);
}

TEST_P(CompressedSwapDeviceTest, TextTakesAQuarterOfItsSizeAtMost) {
  fill(PageKind::kText);
  EXPECT_LT(pool_frames(), kSlots / 4);
  const SwapDeviceStats stats = device_->stats();
  EXPECT_EQ(stats.pool_bytes, pool_frames() * kPageSize);
  EXPECT_EQ(stats.stored, kSlots);
  // The pool wastes little.
  EXPECT_LT(stats.pool_bytes, stats.compressed_bytes * 5 / 4);
}

TEST_P(CompressedSwapDeviceTest, NumbersTakeLessThanTheirSize) {
  fill(PageKind::kNumbers);
  EXPECT_LT(pool_frames(), kSlots * 9 / 10);
}

TEST_P(CompressedSwapDeviceTest, RandomPagesTakeAFrameEach) {
  fill(PageKind::kRandom);
  EXPECT_EQ(pool_frames(), kSlots);
  EXPECT_EQ(device_->stats().incompressible, kSlots);
  EXPECT_EQ(device_->stats().compressed_bytes, kSlots * kPageSize);
}

TEST_P(CompressedSwapDeviceTest, DiscardingGivesTheFramesBack) {
  fill(PageKind::kText);
  for (std::uint64_t i = 0; i < kSlots; ++i) device_->discard(i);
  EXPECT_EQ(pool_frames(), 0U);
  EXPECT_EQ(device_->stats().stored, 0U);
  EXPECT_EQ(device_->stats().compressed_bytes, 0U);
  device_->discard(0);
  EXPECT_EQ(read(0).error(), Errno::kIo);
}

TEST_P(CompressedSwapDeviceTest, ANewPageTakesTheOldOnesPlace) {
  ASSERT_TRUE(write(3, sample_page(PageKind::kRandom, 1)));
  ASSERT_TRUE(write(3, sample_page(PageKind::kText, 2)));
  EXPECT_EQ(read(3), sample_page(PageKind::kText, 2));
  EXPECT_EQ(device_->stats().incompressible, 0U);
  ASSERT_TRUE(write(3, sample_page(PageKind::kZero, 2)));
  EXPECT_EQ(pool_frames(), 0U);
}

TEST_P(CompressedSwapDeviceTest, WithoutFramesItFailsAndKeepsTheRest) {
  std::vector<Pfn> taken;
  while (auto pfn = arena_->allocate(0, FrameState::kAnonymous, ZeroPolicy::kDontCare))
    taken.push_back(*pfn);
  arena_->put(taken.back());
  taken.pop_back();
  EXPECT_TRUE(write(0, sample_page(PageKind::kRandom, 0)));
  EXPECT_EQ(write(1, sample_page(PageKind::kRandom, 1)).error(), Errno::kNoMem);
  EXPECT_TRUE(write(2, sample_page(PageKind::kSameFilled, 2)));
  EXPECT_EQ(read(0), sample_page(PageKind::kRandom, 0));
  EXPECT_EQ(read(1).error(), Errno::kIo);
  EXPECT_EQ(device_->stats().write_errors, 1U);
  for (const Pfn pfn : taken) arena_->put(pfn);
}

TEST_P(CompressedSwapDeviceTest, ThePoolHasALimit) {
  make({.pool_limit = 10 * kPageSize});
  std::uint64_t slot = 0;
  while (write(slot, sample_page(PageKind::kRandom, slot))) ++slot;
  EXPECT_EQ(slot, 10U);
  EXPECT_EQ(pool_frames(), 10U);
  device_->discard(0);
  EXPECT_TRUE(write(slot, sample_page(PageKind::kRandom, slot)));
}

TEST_P(CompressedSwapDeviceTest, AFailedFrameLeavesNothingBehind) {
  for (std::uint64_t nth = 1; nth < 8; ++nth) {
    arena_->fail_nth(nth);
    const auto written = write(0, sample_page(PageKind::kNumbers, nth));
    arena_->fail_nth(0);
    if (!written) {
      EXPECT_EQ(written.error(), Errno::kNoMem);
    }
    device_->discard(0);
    EXPECT_EQ(pool_frames(), 0U);
  }
}

TEST_P(CompressedSwapDeviceTest, ThreadsDoNotDisturbEachOther) {
  constexpr std::uint64_t kThreads = 4;
  std::vector<std::jthread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      std::mt19937_64 random(t);
      std::map<std::uint64_t, std::pair<PageKind, std::uint64_t>> model;
      for (int i = 0; i < 400; ++i) {
        const std::uint64_t slot = random() % (kSlots / kThreads) * kThreads + t;
        if (const auto found = model.find(slot); found != model.end()) {
          EXPECT_EQ(read(slot), sample_page(found->second.first, found->second.second));
          device_->discard(slot);
          model.erase(found);
        } else {
          const auto kind = static_cast<PageKind>(random() % test::kPageKinds);
          const std::uint64_t seed = random();
          EXPECT_TRUE(write(slot, sample_page(kind, seed)));
          model[slot] = {kind, seed};
        }
      }
    });
  }
}

/// Random stores and drops of the store against a map.
TEST(CompressedStoreTest, AgreesWithAMap) {
  rc::check([] {
    constexpr std::uint64_t kSlots = 200;
    test::Arena arena{1024};
    {
      const auto compression = *rc::gen::element(SwapCompression::kLz4, SwapCompression::kZstd);
      const auto store = std::move(*CompressedStore::create(*arena, kSlots, compression, 0));
      std::map<std::uint64_t, std::vector<std::byte>> model;
      const auto steps = *rc::gen::container<std::vector<std::uint32_t>>(
          rc::gen::inRange<std::uint32_t>(0, 1U << 30));
      for (const std::uint32_t step : steps) {
        const std::uint64_t slot = step % kSlots;
        if (step / kSlots % 3 == 0) {
          store->drop(slot);
          model.erase(slot);
        } else {
          model[slot] = sample_page(static_cast<PageKind>(step / kSlots % 5), step);
          RC_ASSERT(store->store(slot, model[slot].data(), CompressedStore::Incompressible::kKeep)
                        .has_value());
        }
        RC_ASSERT(store->verify() == "");
      }
      RC_ASSERT(store->stats().stored == model.size());
      for (std::uint64_t slot = 0; slot < kSlots; ++slot) {
        std::vector<std::byte> page(kPageSize);
        const auto loaded = store->load(slot, page.data());
        RC_ASSERT(loaded.has_value() == model.contains(slot));
        if (loaded) RC_ASSERT(page == model[slot]);
      }
    }
    arena->drain();
    RC_ASSERT(arena->check_all_free() == "");
  });
}

TEST(ObjectPoolTest, ObjectsOfEachSizeKeepTheirBytes) {
  test::Arena arena{8192};
  ObjectPool pool(*arena, 20000, 0);
  std::vector<std::pair<ObjectPool::Handle, std::size_t>> all;
  const auto fill = [&](const ObjectPool::Pieces& pieces, std::size_t size) {
    EXPECT_EQ(pieces.first.size() + pieces.rest.size(), size);
    for (const auto& part : {pieces.first, pieces.rest})
      std::ranges::fill(part, static_cast<std::byte>(size % 251));
  };
  for (std::size_t size = 1; size <= kPageSize; size += 7) {
    for (int i = 0; i < 10; ++i) {
      all.emplace_back(*pool.allocate(size), size);
      fill(pool.pieces(all.back().first, size), size);
    }
  }
  EXPECT_EQ(pool.verify(), "");
  for (const auto& [handle, size] : all) {
    const auto pieces = pool.pieces(handle, size);
    for (const auto& part : {pieces.first, pieces.rest}) {
      for (const std::byte b : part) ASSERT_EQ(b, static_cast<std::byte>(size % 251));
    }
    pool.free(handle);
  }
  EXPECT_EQ(pool.frames(), 0U);
  EXPECT_EQ(pool.verify(), "");
}

}  // namespace
}  // namespace gonzo
