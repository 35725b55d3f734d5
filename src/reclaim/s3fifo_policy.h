// S3-FIFO: Yang, Zhang, Qiu, Yue, Rashmi, "FIFO Queues are All You Need for Cache Eviction"
// (SOSP 2023).
#pragma once

#include <algorithm>

#include "reclaim/ghost_lists.h"
#include "reclaim/listed_policy.h"

namespace gonzo {

/// Pages come into S, a FIFO of a tenth of memory, which most of them leave soon; what was used
/// twice there moves to M, and what comes back while G remembers it enters M at once. M is a FIFO
/// that takes a page back as often as it was used, three times at most.
///
/// Memory's size is the number of pages known now.
class S3FifoPolicy final : public ListedPolicy {
 public:
  static constexpr std::string_view kName = "s3fifo";
  explicit S3FifoPolicy(std::uint32_t frames) : ListedPolicy(kName, frames, 2), ghosts_(frames) {}

  std::size_t bytes() const override { return ListedPolicy::bytes() + ghosts_.bytes(); }
  PolicyStats stats() const override { return stats_with_active(kMain); }
  std::string verify() const override {
    std::string wrong = ListedPolicy::verify();
    return wrong.empty() ? ghosts_.verify() : wrong;
  }

 protected:
  void enter(std::uint32_t frame, Shadow returning) override {
    const bool remembered = ghosts_.recall(returning).has_value();
    if (remembered) ++figures().workingset_activate[lists().kind(frame)];
    lists().push_front(remembered ? kMain : kSmall, frame);
  }

  void hit(std::uint32_t frame) override {
    lists().mark(frame) = static_cast<std::uint8_t>(std::min(lists().mark(frame) + 1, kMostUses));
  }

  std::uint32_t next(ScanPass& pass) override {
    const bool small_is_long = lists().size(kSmall) >= resident() / 10;
    // A round of S ends with an eviction, not when its share is reached.
    sweeping_small_ =
        lists().size(kSmall) != 0 && (sweeping_small_ || small_is_long || lists().size(kMain) == 0);
    const FrameLists::List first = sweeping_small_ ? kSmall : kMain;
    const std::uint32_t frame = next_from_back(first, pass.request, pass.left[0]);
    return frame != FrameLists::kNone
               ? frame
               : next_from_back(first == kSmall ? kMain : kSmall, pass.request, pass.left[0]);
  }

  Verdict decide(std::uint32_t frame, References references) override {
    std::uint8_t& uses = lists().mark(frame);
    if (references.entries != 0) uses = static_cast<std::uint8_t>(std::min(uses + 1, kMostUses));
    if (lists().list_of(frame) == kMain && uses != 0) {
      --uses;
      lists().push_front(kMain, frame);
      return Verdict::kKeep;
    }
    if (lists().list_of(frame) == kSmall && uses > 1) {
      ++figures().pgactivate;
      lists().push_front(kMain, frame);
      return Verdict::kKeep;
    }
    // A bit that was set just now may stand for many uses, or for the fault alone: look again.
    if (references.entries != 0) {
      lists().push_front(kSmall, frame);
      return Verdict::kKeep;
    }
    if (lists().list_of(frame) == kSmall) sweeping_small_ = false;
    return Verdict::kEvict;
  }

  void put_back(std::uint32_t frame, Kept why) override {
    const bool in_use = why == Kept::kReferenced || lists().list_of(frame) == kMain;
    lists().push_front(in_use ? kMain : kSmall, frame);
  }

  Shadow leave(std::uint32_t frame, Eviction /*how*/) override {
    if (lists().list_of(frame) == kMain) return GhostLists::stranger();
    const Shadow shadow = ghosts_.remember(0);
    const std::uint64_t size = resident();
    while (ghosts_.size(0) > std::max<std::uint64_t>(size - size / 10, 1)) ghosts_.drop_last(0);
    return shadow;
  }

  void cool(std::uint32_t frame) override {
    lists().mark(frame) = 0;
    lists().remove(frame);
    lists().push_back(kSmall, frame);
  }
  void clean(std::uint32_t frame) override { cool(frame); }

 private:
  static constexpr FrameLists::List kSmall = 0, kMain = 1;
  static constexpr int kMostUses = 3;

  GhostLists ghosts_;  ///< G
  bool sweeping_small_ = false;
};

}  // namespace gonzo
