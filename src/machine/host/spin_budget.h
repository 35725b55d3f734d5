// How long it pays to spin before sleeping, learned from what the waits were like.
#pragma once

#include <algorithm>
#include <cstdint>

namespace gonzo {

enum class SpinPolicy : std::uint8_t {
  kAdaptive,
  kNever,  ///< both sides share one processor: spinning only keeps the other from running
};

/// Ticks of the time-stamp counter.
class SpinBudget {
 public:
  static constexpr std::uint64_t kMax = 40'000;  ///< 10 to 20 us on today's processors

  explicit SpinBudget(SpinPolicy policy) : policy_(policy) {
    budget_ = policy == SpinPolicy::kNever ? 0 : kMax / 2;
  }

  std::uint64_t ticks() const { return budget_; }

  /// A wait that ended within the budget: aim at twice its length.
  void hit(std::uint64_t waited) {
    if (policy_ == SpinPolicy::kNever) return;
    const std::uint64_t goal = std::min(2 * waited + kFloor, kMax);
    budget_ = (3 * budget_ + goal) / 4;
  }

  /// A wait that outlasted the budget and slept. A short one might have been a hit with more
  /// patience, or slow because our spinning kept the other side from its processor: try again now
  /// and then.
  void miss(std::uint64_t waited) {
    if (policy_ == SpinPolicy::kNever) return;
    budget_ /= 2;
    if (waited < kMax && ++short_misses_ % kProbeInterval == 0) budget_ = kMax / 2;
  }

 private:
  static constexpr std::uint64_t kFloor = 2'000;
  static constexpr unsigned kProbeInterval = 16;

  SpinPolicy policy_;
  std::uint64_t budget_;
  unsigned short_misses_ = 0;
};

}  // namespace gonzo
