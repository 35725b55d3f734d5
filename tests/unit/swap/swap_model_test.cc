// Random lives of slots against a plain map; then by several threads at once.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "unit/frame/arena.h"
#include "unit/swap/fake_device.h"
#include <gonzo/swap/swap_space.h>

namespace gonzo {
namespace {

using Kind = SwapSpace::Lookup::Kind;
using State = SwapSpace::SlotState;

bool operator<(SwapSlot a, SwapSlot b) {
  return std::pair(a.type, a.offset) < std::pair(b.type, b.offset);
}
struct Less {
  bool operator()(SwapSlot a, SwapSlot b) const { return a < b; }
};

/// The model: what each slot that is not free should be.
class Model {
 public:
  Model() {
    for (const std::uint64_t slots : {10U, 300U, 600U}) {
      RC_ASSERT(swap_.add(std::make_unique<test::FakeDevice>(medium_, slots), 3 - slots / 300)
                    .has_value());
    }
  }

  void step(unsigned operation, std::uint32_t pick) {
    switch (operation) {
      case 0:
      case 1:
        return allocate(pick % 40 + 1);
      case 2:
        return with(pick, [&](SwapSlot slot, Expected& expected) {
          if (expected.count == 0 && expected.cached.is_none()) return;
          swap_.duplicate(slot, pick % 3 + 1);
          expected.count += pick % 3 + 1;
        });
      case 3:
      case 4:
        return with(pick, [&](SwapSlot slot, Expected& expected) { free(slot, expected, pick); });
      case 5:
        return with(pick, [&](SwapSlot slot, Expected& expected) { insert(slot, expected); });
      case 6:
        return with(pick, [&](SwapSlot slot, Expected& expected) { erase(slot, expected, pick); });
      case 7:
        return with(pick, [&](SwapSlot slot, Expected& expected) { read(slot, expected, pick); });
      default:
        return with(pick, [&](SwapSlot slot, Expected& expected) {
          swap_.set_shadow(slot, pick);
          if (expected.cached.is_none()) expected.shadow = pick;
        });
    }
  }

  void check() const {
    RC_ASSERT(swap_.verify() == "");
    std::uint64_t cached = 0;
    for (const auto& [slot, expected] : slots_) {
      RC_ASSERT(swap_.count(slot) == expected.count);
      RC_ASSERT(swap_.shadow(slot) == expected.shadow);
      RC_ASSERT(swap_.is_cached(slot) == !expected.cached.is_none());
      cached += expected.cached.is_none() ? 0 : 1;
    }
    const auto totals = swap_.totals();
    RC_ASSERT(totals.cached == cached);
    RC_ASSERT(totals.free == kSlots - slots_.size());
  }

  void finish() {
    while (!slots_.empty()) {
      const auto [slot, expected] = *slots_.begin();
      if (expected.count != 0) swap_.free(slot, expected.count);
      if (!expected.cached.is_none()) {
        const Pfn pfn = *swap_.find(slot);
        RC_ASSERT(swap_.erase_unused(slot, pfn));
        arena_->put(pfn);
      }
      slots_.erase(slots_.begin());
    }
    check();
    arena_->drain();
    RC_ASSERT(arena_->check_all_free() == "");
  }

 private:
  static constexpr std::uint64_t kSlots = 910;
  struct Expected {
    std::uint64_t count = 0, shadow = 0;
    Pfn cached;
  };

  template <typename F>
  void with(std::uint32_t pick, F action) {
    if (slots_.empty()) return;
    auto it = slots_.begin();
    std::advance(it, pick % slots_.size());
    action(it->first, it->second);
    if (it->second.count == 0 && it->second.cached.is_none()) slots_.erase(it);
  }
  Pfn frame() { return *arena_->allocate(0, FrameState::kAnonymous, ZeroPolicy::kDontCare); }

  void allocate(std::size_t wanted) {
    std::vector<SwapSlot> got(wanted);
    const std::size_t count = swap_.allocate(std::span(got)).value_or(0);
    RC_ASSERT(count == std::min(wanted, kSlots - slots_.size()));
    for (std::size_t i = 0; i < count; ++i)
      RC_ASSERT(slots_.emplace(got[i], Expected{.count = 1}).second);
  }
  void free(SwapSlot slot, Expected& expected, std::uint32_t pick) {
    if (expected.count == 0) return;
    const std::uint64_t n = pick % expected.count + 1;
    const State state = swap_.free(slot, static_cast<std::uint32_t>(n));
    expected.count -= n;
    if (expected.count != 0) return RC_ASSERT(state == State::kUsed);
    RC_ASSERT(state == (expected.cached.is_none() ? State::kFree : State::kCached));
  }
  void insert(SwapSlot slot, Expected& expected) {
    const Pfn pfn = frame();
    const bool is_put = swap_.insert(slot, pfn).has_value();
    RC_ASSERT(is_put == expected.cached.is_none());
    if (is_put) expected = {expected.count, 0, pfn};
    arena_->put(pfn);
  }
  void erase(SwapSlot slot, Expected& expected, std::uint32_t pick) {
    const auto found = swap_.find(slot);
    RC_ASSERT(found.value_or(Pfn()) == expected.cached);
    if (!found) return;
    if (pick % 2 == 0) {
      RC_ASSERT(swap_.erase_unused(slot, *found) == (expected.count == 0));
      if (expected.count == 0) expected.cached = Pfn::none();
    } else {
      RC_ASSERT(swap_.erase(slot, *found, pick));
      expected = {expected.count, expected.count == 0 ? 0 : pick, Pfn::none()};
    }
    arena_->put(*found);
  }
  void read(SwapSlot slot, Expected& expected, std::uint32_t pick) {
    const auto found = swap_.look_up_or_start(slot);
    RC_ASSERT(found.has_value());
    RC_ASSERT((found->kind == Kind::kCached) == !expected.cached.is_none());
    if (found->kind == Kind::kCached) {
      RC_ASSERT(found->pfn == expected.cached);
      arena_->put(found->pfn);
      return;
    }
    RC_ASSERT(found->shadow == expected.shadow);
    expected.shadow = 0;
    if (pick % 4 == 0) return RC_ASSERT(!swap_.finish_read(slot, fail(Errno::kIo)));
    const Pfn pfn = frame();
    RC_ASSERT(swap_.finish_read(slot, pfn));
    expected.cached = pfn;
    arena_->put(pfn);
  }

  test::Arena arena_{2048};
  std::shared_ptr<test::FakeMedium> medium_ = std::make_shared<test::FakeMedium>();
  SwapSpace swap_{*arena_};
  std::map<SwapSlot, Expected, Less> slots_;
};

TEST(SwapModel, RandomLives) {
  rc::check([] {
    Model model;
    const auto steps = *rc::gen::container<std::vector<std::pair<unsigned, std::uint32_t>>>(
        rc::gen::pair(rc::gen::inRange(0U, 9U), rc::gen::inRange<std::uint32_t>(0, 1U << 20)));
    for (std::size_t i = 0; i < steps.size(); ++i) {
      model.step(steps[i].first, steps[i].second);
      if (i % 8 == 0) model.check();
    }
    model.finish();
  });
}

/// Swaps pages out and in as mm does, with several threads at the same slots. Each page has its
/// slot's number written in it.
class Machine {
 public:
  explicit Machine(std::uint64_t slots) {
    EXPECT_TRUE(swap_.add(std::make_unique<test::FakeDevice>(medium_, slots)));
  }

  /// A page with its tag, out of memory. None: no room.
  std::optional<SwapSlot> swap_out(std::uint32_t counts) {
    const auto slot = swap_.allocate();
    if (!slot) return std::nullopt;
    const Pfn pfn = *arena_->allocate(0, FrameState::kAnonymous, ZeroPolicy::kZeroed);
    tag(pfn) = slot->offset + 1;
    EXPECT_TRUE(swap_.insert(*slot, pfn));
    swap_.duplicate(*slot, counts);
    EXPECT_TRUE(swap_.write_out(std::span(&*slot, 1), std::span(&pfn, 1)).result);
    swap_.free(*slot);
    EXPECT_TRUE(swap_.erase(*slot, pfn, slot->offset + 7));
    arena_->put(pfn);
    return *slot;
  }
  /// The caller's count keeps the slot from being freed.
  void swap_in(SwapSlot slot) {
    const auto found = swap_.look_up_or_start(slot);
    ASSERT_TRUE(found.has_value());
    Pfn pfn = found->pfn;
    if (found->kind == Kind::kStarted) {
      EXPECT_TRUE(found->shadow == 0 || found->shadow == slot.offset + 7);
      ++reads_;
      pfn = *arena_->allocate(0, FrameState::kAnonymous, ZeroPolicy::kDontCare);
      EXPECT_TRUE(swap_.read_in(slot, pfn));
      EXPECT_TRUE(swap_.finish_read(slot, pfn));
    }
    EXPECT_EQ(tag(pfn), slot.offset + 1);
    if (swap_.free(slot) == State::kCached) swap_.erase_unused(slot, pfn);
    arena_->put(pfn);
  }
  /// Nothing is left of anything.
  void finish(std::uint64_t slots) {
    EXPECT_EQ(swap_.verify(), "");
    EXPECT_EQ(swap_.totals().free, slots);
    EXPECT_EQ(swap_.totals().cached, 0U);
    EXPECT_TRUE(medium_->pages.empty());
    arena_->drain();
    EXPECT_EQ(arena_->check_all_free(), "");
  }
  std::uint64_t reads() const { return reads_; }

 private:
  std::uint64_t& tag(Pfn pfn) { return *reinterpret_cast<std::uint64_t*>(arena_->address(pfn)); }

  test::Arena arena_{4096};
  std::shared_ptr<test::FakeMedium> medium_ = std::make_shared<test::FakeMedium>();
  SwapSpace swap_{*arena_};
  std::atomic<std::uint64_t> reads_{0};
};

TEST(SwapThreads, ThreadsThatShareASlotReadItOnce) {
  constexpr std::uint32_t kThreads = 4, kPages = 200;
  Machine machine(kPages);
  std::vector<SwapSlot> slots;
  for (std::uint32_t i = 0; i < kPages; ++i) slots.push_back(*machine.swap_out(kThreads + 1));
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (const SwapSlot slot : slots) machine.swap_in(slot);
      });
    }
  }
  // One count is left, so nothing was dropped from the cache.
  EXPECT_EQ(machine.reads(), kPages);
  for (const SwapSlot slot : slots) machine.swap_in(slot);
  machine.finish(kPages);
}

TEST(SwapThreads, SlotsWanderBetweenThreads) {
  constexpr std::uint64_t kSlots = 700;
  Machine machine(kSlots);
  std::mutex lock;
  std::vector<SwapSlot> pool;  // one count each
  const auto work = [&](unsigned seed) {
    std::mt19937 random(seed);
    for (int i = 0; i < 1500; ++i) {
      if (random() % 2 == 0) {
        const std::uint32_t counts = random() % 3 + 1;
        const auto slot = machine.swap_out(counts);
        const std::lock_guard guard(lock);
        if (slot) pool.insert(pool.end(), counts, *slot);
      } else {
        SwapSlot slot;
        {
          const std::lock_guard guard(lock);
          if (pool.empty()) continue;
          std::swap(pool[random() % pool.size()], pool.back());
          slot = pool.back();
          pool.pop_back();
        }
        machine.swap_in(slot);
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 4; ++t) threads.emplace_back(work, t);
  }
  for (const SwapSlot slot : pool) machine.swap_in(slot);
  machine.finish(kSlots);
}

}  // namespace
}  // namespace gonzo
