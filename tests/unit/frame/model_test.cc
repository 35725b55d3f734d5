// Random use against a naive model: frames never overlap, keep their contents, and all come back.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstring>
#include <vector>

#include "unit/frame/arena.h"

namespace gonzo {
namespace {

using test::Arena;

struct Held {
  Pfn first;
  unsigned order;
  std::uint32_t tag;
};

/// The model: who owns each frame, by tag; 0 is nobody.
class Model {
 public:
  explicit Model(std::uint64_t frames) : arena_(frames), owners_(frames, 0), free_(frames - 1) {}

  void allocate(unsigned order, ZeroPolicy zero) {
    const auto got = arena_->allocate(order, FrameState::kAnonymous, zero);
    if (got) return take(*got, order, zero, order);
    RC_ASSERT(!has_room(order));
  }
  void allocate_split(unsigned order, ZeroPolicy zero) {
    const auto got = arena_->allocate_split(order, FrameState::kPageCache, zero);
    if (!got) return RC_ASSERT(!has_room(order));
    for (std::uint32_t i = 0; i < 1U << order; ++i) take(*got + i, 0, zero, order);
  }
  void free(std::size_t pick) {
    if (held_.empty()) return;
    std::swap(held_[pick % held_.size()], held_.back());
    const Held held = held_.back();
    held_.pop_back();
    for (std::uint32_t i = 0; i < 1U << held.order; ++i) {
      RC_ASSERT(std::exchange(owners_[held.first.value + i], 0U) == held.tag);
      check_tag(held.first + i, held.tag);
    }
    free_ += 1U << held.order;
    if (pick & 1) {
      RC_ASSERT(arena_->put(held.first));
    } else {
      arena_->free(held.first, held.order);
    }
  }
  void drain() { arena_->drain(); }
  void verify() {
    RC_ASSERT(arena_->verify() == "");
    RC_ASSERT(arena_->stats().free == free_);
  }
  void finish() {
    while (!held_.empty()) free(held_.size() / 2);
    RC_ASSERT(arena_->check_all_free() == "");
    RC_ASSERT(free_ == owners_.size() - 1);
  }

 private:
  void take(Pfn first, unsigned order, ZeroPolicy zero, unsigned asked) {
    RC_ASSERT(asked != order || first.value % (1U << order) == 0);
    const std::uint32_t tag = ++last_tag_;
    for (std::uint32_t i = 0; i < 1U << order; ++i) {
      const Pfn pfn = first + i;
      RC_ASSERT(pfn.value > 0 && arena_->contains(pfn));
      RC_ASSERT(std::exchange(owners_[pfn.value], tag) == 0U);
      if (zero == ZeroPolicy::kZeroed) check_tag(pfn, 0);
      set_tag(pfn, tag);
    }
    free_ -= 1U << order;
    held_.push_back({first, order, tag});
  }
  /// Whether an aligned run of free frames exists: then the allocator has to find it.
  bool has_room(unsigned order) const {
    const std::size_t size = std::size_t{1} << order;
    // The first block of any order holds frame 0, which nobody gets.
    for (std::size_t start = size; start + size <= owners_.size(); start += size) {
      std::size_t i = start;
      while (i < start + size && owners_[i] == 0) ++i;
      if (i == start + size) return true;
    }
    return false;
  }
  void set_tag(Pfn pfn, std::uint32_t tag) {
    std::memcpy(arena_->address(pfn), &tag, sizeof tag);
    std::memcpy(arena_->address(pfn) + kPageSize - sizeof tag, &tag, sizeof tag);
  }
  void check_tag(Pfn pfn, std::uint32_t tag) {
    RC_ASSERT(std::memcmp(arena_->address(pfn), &tag, sizeof tag) == 0);
    RC_ASSERT(std::memcmp(arena_->address(pfn) + kPageSize - sizeof tag, &tag, sizeof tag) == 0);
  }

  Arena arena_;
  std::vector<std::uint32_t> owners_;
  std::vector<Held> held_;
  std::uint64_t free_;
  std::uint32_t last_tag_ = 0;
};

struct Step {
  int what;
  unsigned order;
  std::size_t pick;
};

rc::Gen<Step> steps() {
  // Small orders are the usual ones; large ones use the arena up.
  const auto order = rc::gen::weightedOneOf<unsigned>({{6, rc::gen::inRange(0U, 2U)},
                                                       {3, rc::gen::inRange(0U, 6U)},
                                                       {1, rc::gen::inRange(0U, 11U)}});
  return rc::gen::build<Step>(rc::gen::set(&Step::what, rc::gen::inRange(0, 32)),
                              rc::gen::set(&Step::order, order),
                              rc::gen::set(&Step::pick, rc::gen::inRange<std::size_t>(0, 10000)));
}

void run(Model& model, const Step& step) {
  const ZeroPolicy zero = step.pick & 1 ? ZeroPolicy::kZeroed : ZeroPolicy::kDontCare;
  if (step.what < 10) {
    model.allocate(step.order, zero);
  } else if (step.what < 18) {
    model.allocate_split(step.order, zero);
  } else if (step.what < 31) {
    model.free(step.pick);
  } else {
    model.drain();
  }
}

TEST(FrameAllocatorModel, AgreesOnRandomSequences) {
  const bool ok = rc::check("random use of an arena", [] {
    Model model(*rc::gen::inRange<std::uint64_t>(2, 1300));
    const auto sequence = *rc::gen::container<std::vector<Step>>(steps());
    for (const Step& step : sequence) {
      run(model, step);
      model.verify();
    }
    model.finish();
  });
  EXPECT_TRUE(ok);
}

TEST(FrameAllocatorModel, AgreesOnALongSequence) {
  const bool ok = rc::check("long random use of a crowded arena", [] {
    Model model(1100);
    const auto sequence = *rc::gen::container<std::vector<Step>>(400, steps());
    for (std::size_t i = 0; i < sequence.size(); ++i) {
      run(model, sequence[i]);
      if (i % 16 == 0) model.verify();
    }
    model.finish();
  });
  EXPECT_TRUE(ok);
}

}  // namespace
}  // namespace gonzo
