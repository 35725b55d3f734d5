// Whether it pays to spin before sleeping, learned from how long the other side works.
#pragma once

#include <algorithm>
#include <cstdint>

namespace gonzo {

enum class SpinPolicy : std::uint8_t {
  kAdaptive,
  kNever,  ///< both sides share one processor: spinning only keeps the other from running
};

/// One side's patience. Durations are ticks of the time-stamp counter, some 2 to 4 a nanosecond.
///
/// What counts is the time that the other side worked, not the time until its answer: once both
/// sides sleep, waking them makes every answer late, and judging by that, nobody would spin again.
/// An answer that is late although the work was short means that the other side had no processor;
/// then spinning pauses, longer each time.
class SpinBudget {
 public:
  /// More than waking a sleeping thread on another processor takes.
  static constexpr std::uint64_t kPatience = 150'000;
  static constexpr std::uint64_t kShortWork = 40'000;

  enum class Outcome : std::uint8_t {
    kSpun,    ///< the answer came while spinning
    kGaveUp,  ///< it did not
    kDidNotTry,
  };

  explicit SpinBudget(SpinPolicy policy) : policy_(policy) {}

  std::uint64_t ticks() const {
    if (policy_ == SpinPolicy::kNever || pause_left_ > 0 || confidence_ <= 0) return 0;
    return kPatience;
  }

  /// After an answer: how long the other side had worked for it.
  void learn(std::uint64_t work, Outcome outcome) {
    const bool is_short = work < kShortWork;
    confidence_ =
        is_short ? std::min(confidence_ + 1, kMaxConfidence) : std::max(confidence_ - 2, 0);
    if (pause_left_ > 0) --pause_left_;
    if (is_short && outcome == Outcome::kGaveUp) {
      pause_left_ = pause_;
      pause_ = std::min(2 * pause_, kMaxPause);
    } else if (outcome == Outcome::kSpun && pause_left_ == 0 && pause_ > kMinPause) {
      --pause_;
    }
  }

 private:
  static constexpr int kMaxConfidence = 6;
  static constexpr unsigned kMinPause = 8;  // waits
  static constexpr unsigned kMaxPause = 1024;

  SpinPolicy policy_;
  int confidence_ = kMaxConfidence;
  unsigned pause_ = kMinPause;
  unsigned pause_left_ = 0;
};

}  // namespace gonzo
