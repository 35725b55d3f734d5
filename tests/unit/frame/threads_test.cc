// Several threads, frames that wander between them. TSan watches.
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "unit/frame/arena.h"

namespace gonzo {
namespace {

using test::Arena;

constexpr int kThreads = 4;

/// Where threads leave frames for each other.
class Exchange {
 public:
  void leave(Pfn pfn, unsigned order) {
    std::lock_guard lock(mutex_);
    items_.emplace_back(pfn, order);
  }
  bool steal(Pfn& pfn, unsigned& order) {
    std::lock_guard lock(mutex_);
    if (items_.empty()) return false;
    std::tie(pfn, order) = items_.front();
    items_.pop_front();
    return true;
  }

 private:
  std::mutex mutex_;
  std::deque<std::pair<Pfn, unsigned>> items_;
};

void mark(FrameAllocator& frames, Pfn pfn) { frames.address(pfn)[100] = std::byte{1}; }

void work(FrameAllocator& frames, Exchange& exchange, unsigned seed) {
  std::mt19937 random(seed);
  for (int i = 0; i < 6000; ++i) {
    const unsigned order = random() % 8 == 0 ? random() % 7 : 0;
    const ZeroPolicy zero = random() % 2 ? ZeroPolicy::kZeroed : ZeroPolicy::kDontCare;
    if (random() % 3 == 0) {
      if (auto first = frames.allocate_split(order, FrameState::kAnonymous, zero)) {
        for (std::uint32_t k = 0; k < 1U << order; ++k) {
          mark(frames, *first + k);
          exchange.leave(*first + k, 0);
        }
      }
    } else if (auto block = frames.allocate(order, FrameState::kKernel, zero)) {
      if (zero == ZeroPolicy::kZeroed) {
        EXPECT_EQ(frames.address(*block)[100], std::byte{0});
      }
      mark(frames, *block);
      exchange.leave(*block, order);
    }
    Pfn pfn;
    unsigned held = 0;
    for (unsigned k = random() % 12; k > 0 && exchange.steal(pfn, held); --k) {
      mark(frames, pfn);
      frames.get(pfn);
      EXPECT_FALSE(frames.put(pfn));
      frames.free(pfn, held);
    }
    if (i % 1000 == 0) frames.drain();
    if (i % 500 == 0) {
      EXPECT_EQ(frames.stats().total, frames.frame_count());
    }
  }
}

TEST(FrameAllocatorThreads, ShareFrames) {
  Arena arena(6000);
  Exchange exchange;
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { work(*arena, exchange, i + 1); });
  }
  threads.clear();
  EXPECT_EQ(arena->verify(), "");
  Pfn pfn;
  unsigned order = 0;
  while (exchange.steal(pfn, order)) arena->free(pfn, order);
  EXPECT_EQ(arena->check_all_free(), "");
  const FrameStats stats = arena->stats();
  EXPECT_EQ(stats.free, 5999U);
  EXPECT_LE(stats.peak_used, 6000U + kThreads * 32);
}

TEST(FrameAllocatorThreads, DropReferencesOfOneFrame) {
  Arena arena(64);
  for (int round = 0; round < 200; ++round) {
    const Pfn pfn = arena->allocate(0, FrameState::kAnonymous, ZeroPolicy::kDontCare).value();
    for (int i = 1; i < kThreads; ++i) arena->get(pfn);
    std::atomic<int> freed{0};
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&, i] {
          arena->address(pfn)[i] = std::byte{1};
          freed += arena->put(pfn) ? 1 : 0;
        });
      }
    }
    ASSERT_EQ(freed, 1);
  }
  EXPECT_EQ(arena->check_all_free(), "");
}

}  // namespace
}  // namespace gonzo
