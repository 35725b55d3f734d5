// A swap space on a small machine; every test ends with verify() and a look for leaked frames.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "unit/frame/arena.h"
#include "unit/swap/fake_device.h"
#include <gonzo/swap/swap_space.h>

namespace gonzo::test {

class SwapTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kFrames = 4096;

  void TearDown() override {
    EXPECT_EQ(swap_->verify(), "");
    swap_.reset();
    arena_->drain();
    EXPECT_EQ(arena_->check_all_free(), "");
  }

  /// The medium of a new area.
  std::shared_ptr<FakeMedium> add(std::uint64_t slots, std::optional<int> priority = {},
                                  SwapLatency latency = SwapLatency::kStorage) {
    auto medium = std::make_shared<FakeMedium>();
    EXPECT_TRUE(swap_->add(std::make_unique<FakeDevice>(medium, slots, latency), priority));
    return medium;
  }
  SwapSlot allocate() {
    const auto slot = swap_->allocate();
    EXPECT_TRUE(slot.has_value());
    return slot.value_or(SwapSlot{});
  }
  /// As many as asked for.
  std::vector<SwapSlot> allocate(std::size_t count) {
    std::vector<SwapSlot> slots(count);
    EXPECT_EQ(swap_->allocate(std::span(slots)).value_or(0), count);
    return slots;
  }
  Pfn frame(int byte = 0) {
    const Pfn pfn =
        arena_->allocate(0, FrameState::kAnonymous, ZeroPolicy::kDontCare).value_or(Pfn());
    arena_.fill(pfn, byte);
    return pfn;
  }
  std::int32_t refs(Pfn pfn) { return arena_->frame(pfn).refs.load(); }

  Arena arena_{kFrames};
  std::unique_ptr<SwapSpace> swap_ = std::make_unique<SwapSpace>(*arena_);
};

}  // namespace gonzo::test
