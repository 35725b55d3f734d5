// SIEVE: Zhang, Yang, Yue, Vigfusson, Rashmi, "SIEVE is Simpler than LRU" (NSDI 2024).
#pragma once

#include "reclaim/listed_policy.h"

namespace gonzo {

/// A hand goes from the oldest page to the newest and evicts the first that was not used since it
/// last came by. Unlike CLOCK's, what it spares stays where it is, so new pages, in front of all,
/// are met soon after the hand's way, and the old ones that are in use gather at the back.
class SievePolicy final : public ListedPolicy {
 public:
  static constexpr std::string_view kName = "sieve";
  explicit SievePolicy(std::uint32_t frames) : ListedPolicy(kName, frames, 1) {}

 protected:
  void enter(std::uint32_t frame, Shadow /*returning*/) override { lists().push_front(0, frame); }
  void hit(std::uint32_t frame) override { lists().mark(frame) |= kVisited; }

  std::uint32_t next(ScanPass& pass) override {
    for (; pass.left[0] > 0; --pass.left[0]) {
      if (hand_ == FrameLists::kNone) {
        hand_ = lists().back(0);
        lap_ ^= kOddLap;
        if (hand_ == FrameLists::kNone) break;
      }
      const std::uint32_t frame = hand_;
      if (may_leave(lists().kind(frame), pass.request)) {
        --pass.left[0];
        set_lap(frame);
        return frame;
      }
      hand_ = lists().ahead_of(frame);
    }
    return FrameLists::kNone;
  }

  Verdict decide(std::uint32_t frame, References references) override {
    const bool visited = (lists().mark(frame) & kVisited) != 0;
    if (references.entries == 0 && !visited) return Verdict::kEvict;
    put_back(frame, Kept::kReferenced);
    return Verdict::kKeep;
  }

  /// Where it was: just behind the hand, or at the front if the hand has begun anew since.
  void put_back(std::uint32_t frame, Kept /*why*/) override {
    std::uint8_t& mark = lists().mark(frame);
    mark &= static_cast<std::uint8_t>(~kVisited);
    if (hand_ == FrameLists::kNone || mark != lap_) {
      lists().push_front(0, frame);
    } else {
      lists().push_behind(hand_, frame);
    }
  }

  void unlink(std::uint32_t frame) override {
    if (hand_ == frame) hand_ = lists().ahead_of(frame);
  }

  /// The hand meets it next.
  void cool(std::uint32_t frame) override {
    unlink(frame);
    lists().remove(frame);
    lists().mark(frame) = 0;
    if (hand_ == FrameLists::kNone) {
      lists().push_back(0, frame);
    } else {
      lists().push_behind(hand_, frame);
      hand_ = frame;
    }
  }
  void clean(std::uint32_t frame) override { cool(frame); }

 private:
  static constexpr std::uint8_t kVisited = 1, kOddLap = 2;

  void set_lap(std::uint32_t frame) {
    lists().mark(frame) = static_cast<std::uint8_t>((lists().mark(frame) & kVisited) | lap_);
  }

  std::uint32_t hand_ = FrameLists::kNone;  ///< the next to be looked at; none: the back
  std::uint8_t lap_ = 0;
};

}  // namespace gonzo
