// zswap: a pool in front, the oldest pages written on.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "unit/frame/arena.h"
#include "unit/swap/fake_device.h"
#include "unit/swap/sample_pages.h"
#include <gonzo/swap/failing_swap_device.h>
#include <gonzo/swap/tiered_swap_device.h>

namespace gonzo {
namespace {

using test::PageKind;
using test::sample_page;

class TieredSwapDeviceTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kSlots = 1024;
  static constexpr std::uint64_t kPoolFrames = 16;

  TieredSwapDeviceTest() {
    auto behind =
        std::make_unique<FailingSwapDevice>(std::make_unique<test::FakeDevice>(medium_, kSlots));
    behind_ = behind.get();
    device_ = std::move(*TieredSwapDevice::create(*arena_, std::move(behind),
                                                  {.pool_bytes = kPoolFrames * kPageSize}));
  }
  ~TieredSwapDeviceTest() override {
    device_.reset();
    arena_->drain();
    EXPECT_EQ(arena_->check_all_free(), "");
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
  bool is_behind(std::uint64_t slot) const { return medium_->pages.contains(slot); }
  void fill(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i)
      ASSERT_TRUE(write(i, sample_page(PageKind::kNumbers, i)));
  }

  test::Arena arena_{1024};
  std::shared_ptr<test::FakeMedium> medium_ = std::make_shared<test::FakeMedium>();
  FailingSwapDevice* behind_ = nullptr;
  std::unique_ptr<TieredSwapDevice> device_;
};

TEST_F(TieredSwapDeviceTest, WhatFitsStaysInMemory) {
  for (std::uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(write(i, sample_page(PageKind::kText, i)));
  EXPECT_TRUE(medium_->writes.empty());
  for (std::uint64_t i = 0; i < 20; ++i) EXPECT_EQ(read(i), sample_page(PageKind::kText, i));
  EXPECT_TRUE(medium_->reads.empty());
  EXPECT_EQ(device_->stats().stored, 20U);
}

TEST_F(TieredSwapDeviceTest, TheOldestGoOnInRuns) {
  fill(200);
  EXPECT_TRUE(is_behind(0));
  EXPECT_FALSE(device_->is_in_memory(0));
  EXPECT_FALSE(is_behind(199));
  EXPECT_TRUE(device_->is_in_memory(199));
  EXPECT_LE(arena_.used(FrameState::kKernel), kPoolFrames);
  EXPECT_EQ(device_->stats().written_back, medium_->pages.size());
  EXPECT_LE(medium_->writes.size(), medium_->pages.size() / 4);
  for (std::uint64_t i = 0; i < 200; ++i) ASSERT_EQ(read(i), sample_page(PageKind::kNumbers, i));
}

TEST_F(TieredSwapDeviceTest, WhatIsReadIsYoungAgain) {
  fill(10);
  ASSERT_TRUE(read(0));
  std::uint64_t next = 10;
  while (medium_->pages.empty()) {
    ASSERT_TRUE(read(0));
    ASSERT_TRUE(write(next, sample_page(PageKind::kNumbers, next)));
    ++next;
  }
  EXPECT_TRUE(is_behind(1));
}

TEST_F(TieredSwapDeviceTest, WhatDoesNotCompressGoesOnAtOnce) {
  std::vector<std::vector<std::byte>> pages;
  for (std::uint64_t i = 0; i < 6; ++i)
    pages.push_back(sample_page(i == 3 ? PageKind::kText : PageKind::kRandom, i));
  std::vector<const std::byte*> from;
  for (const auto& page : pages) from.push_back(page.data());
  ASSERT_TRUE(device_->write(40, from));
  using Call = test::FakeMedium::Call;
  EXPECT_EQ(medium_->writes, (std::vector<Call>{{40, 3}, {44, 2}}));
  std::vector<std::vector<std::byte>> back(6, std::vector<std::byte>(kPageSize));
  std::vector<std::byte*> to;
  for (auto& page : back) to.push_back(page.data());
  ASSERT_TRUE(device_->read(40, to));
  EXPECT_EQ(back, pages);
  EXPECT_EQ(medium_->reads, (std::vector<Call>{{40, 3}, {44, 2}}));
}

TEST_F(TieredSwapDeviceTest, WithoutFramesPagesGoOn) {
  std::vector<Pfn> taken;
  while (auto pfn = arena_->allocate(0, FrameState::kAnonymous, ZeroPolicy::kDontCare))
    taken.push_back(*pfn);
  ASSERT_TRUE(write(5, sample_page(PageKind::kText, 5)));
  EXPECT_TRUE(is_behind(5));
  EXPECT_EQ(read(5), sample_page(PageKind::kText, 5));
  for (const Pfn pfn : taken) arena_->put(pfn);
}

TEST_F(TieredSwapDeviceTest, ADiscardedPageIsNowhere) {
  fill(200);
  for (std::uint64_t i = 0; i < 200; ++i) device_->discard(i);
  EXPECT_TRUE(medium_->pages.empty());
  EXPECT_EQ(arena_.used(FrameState::kKernel), 0U);
  EXPECT_EQ(read(3).error(), Errno::kIo);
}

TEST_F(TieredSwapDeviceTest, ANewPageHidesTheOldOneBehind) {
  ASSERT_TRUE(write(7, sample_page(PageKind::kRandom, 1)));
  ASSERT_TRUE(write(7, sample_page(PageKind::kText, 2)));
  EXPECT_EQ(read(7), sample_page(PageKind::kText, 2));
  device_->discard(7);
  ASSERT_TRUE(write(7, sample_page(PageKind::kRandom, 3)));
  EXPECT_EQ(read(7), sample_page(PageKind::kRandom, 3));
}

TEST_F(TieredSwapDeviceTest, ABrokenDeviceLosesNothingThatIsInThePool) {
  behind_->fail_writes({.error = Errno::kNoSpc});
  std::uint64_t stored = 0;
  while (write(stored, sample_page(PageKind::kNumbers, stored))) ++stored;
  EXPECT_GT(stored, 10U);
  EXPECT_EQ(write(stored, sample_page(PageKind::kRandom, 1)).error(), Errno::kNoSpc);
  for (std::uint64_t i = 0; i < stored; ++i) ASSERT_EQ(read(i), sample_page(PageKind::kNumbers, i));
  behind_->recover();
  EXPECT_TRUE(write(stored, sample_page(PageKind::kNumbers, stored)));
  behind_->fail_reads({});
  ASSERT_TRUE(is_behind(0));
  EXPECT_EQ(read(0).error(), Errno::kIo);
}

TEST_F(TieredSwapDeviceTest, ThreadsWriteWhileOthersAreWrittenBack) {
  constexpr std::uint64_t kThreads = 4;
  std::vector<std::jthread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      std::mt19937_64 random(t);
      std::map<std::uint64_t, std::uint64_t> model;
      for (int i = 0; i < 400; ++i) {
        const std::uint64_t slot = random() % (kSlots / kThreads) * kThreads + t;
        const auto found = model.find(slot);
        if (found != model.end() && random() % 3 != 0) {
          EXPECT_EQ(read(slot), sample_page(PageKind::kNumbers, found->second));
          if (random() % 2 == 0) continue;
          device_->discard(slot);
          model.erase(found);
        } else {
          model[slot] = random();
          EXPECT_TRUE(write(slot, sample_page(PageKind::kNumbers, model[slot])));
        }
      }
    });
  }
}

}  // namespace
}  // namespace gonzo
