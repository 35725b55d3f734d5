// A guest on a machine with swap and a reclaimer.
#pragma once

#include <sys/mman.h>

#include <memory>
#include <string_view>

#include "unit/mm/guest.h"
#include "unit/swap/fake_device.h"
#include <gonzo/mm/reclaimer.h>
#include <gonzo/swap/failing_swap_device.h>
#include <gonzo/swap/swap_space.h>

namespace gonzo::test {

class SwapGuest : public Guest {
 protected:
  static constexpr std::uint64_t kFrames = 512;
  static constexpr std::uint64_t kSlots = 4096;
  static constexpr int kReadWrite = PROT_READ | PROT_WRITE;

  void SetUp() override { start_with(kDefaultPolicy); }
  void start_with(std::string_view policy, PagingFormat format = PagingFormat::kFourLevel,
                  SwapLatency latency = SwapLatency::kStorage) {
    start({.bytes = kFrames * kPageSize, .manager = manager_config_, .space = {.format = format}});
    swap_ = std::make_unique<SwapSpace>(*frames_);
    auto device = std::make_unique<FailingSwapDevice>(
        std::make_unique<FakeDevice>(std::make_shared<FakeMedium>(), kSlots, latency));
    device_ = device.get();
    ASSERT_TRUE(swap_->add(std::move(device)).has_value());
    manager_->commitments().add_swap(kSlots);
    reclaimer_ = std::make_unique<Reclaimer>(*manager_, *swap_, Reclaimer::Config{policy});
    manager_->serve(reclaimer_.get());
  }
  void TearDown() override {
    end();
    stop();
  }
  void end() {
    if (!swap_) return;
    if (space_) {
      EXPECT_EQ(space_->verify(), "");
    }
    EXPECT_EQ(reclaimer_->verify(), "");
    EXPECT_EQ(swap_->verify(), "");
    space_.reset();
    EXPECT_EQ(swap_->totals().free, kSlots);
    manager_->serve(nullptr);
    reclaimer_.reset();
    swap_.reset();
  }
  std::unique_ptr<AddressSpace> fork(AddressSpace& space) {
    auto child = space.fork(child_cache_, 0);
    EXPECT_TRUE(child.has_value());
    return child ? std::move(*child) : nullptr;
  }
  static int value_of(std::uint64_t page) { return static_cast<int>((page * 7 + 1) & 0x7f); }
  void fill(std::uint64_t pages) {
    for (std::uint64_t i = 0; i < pages; ++i) poke(page(i), value_of(i));
  }
  void expect_filled(AddressSpace& space, std::uint64_t pages) {
    for (std::uint64_t i = 0; i < pages; ++i) ASSERT_EQ(peek(space, page(i)), value_of(i)) << i;
  }
  /// Everything that can leave; what was used needs a second look, or a third.
  void push_out() {
    for (int round = 0; round < 8; ++round) reclaimer_->reclaim(kFrames);
  }

  NoTranslationCache child_cache_;
  MemoryManager::Config manager_config_;
  FailingSwapDevice* device_ = nullptr;
  std::unique_ptr<SwapSpace> swap_;
  std::unique_ptr<Reclaimer> reclaimer_;
};

}  // namespace gonzo::test
