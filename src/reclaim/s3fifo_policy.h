// S3-FIFO: Yang, Zhang, Qiu, Yue, Rashmi, "FIFO Queues are All You Need for Cache Eviction"
// (SOSP 2023).
#pragma once

#include <algorithm>

#include "reclaim/ghost_policy.h"

namespace gonzo {

/// kNew is S, kProven M, the ghosts are G. Pages come into S, a FIFO of a tenth of memory, which
/// most of them leave soon; what was used twice there moves to M, and what comes back while G
/// remembers it enters M at once. M is a FIFO that takes a page back as often as it was used, three
/// times at most.
///
/// Memory's size is the number of pages known now.
class S3FifoPolicy final : public GhostPolicy {
 public:
  static constexpr std::string_view kName = "s3fifo";
  explicit S3FifoPolicy(std::uint32_t frames) : GhostPolicy(kName, frames, frames) {}

 protected:
  void enter(std::uint32_t frame, Shadow returning) override {
    const bool remembered = ghosts().recall(returning).has_value();
    if (remembered) ++figures().workingset_activate[lists().kind(frame)];
    lists().push_front(remembered ? kProven : kNew, frame);
  }

  void hit(std::uint32_t frame) override {
    lists().mark(frame) = static_cast<std::uint8_t>(std::min(lists().mark(frame) + 1, kMostUses));
  }

  std::uint32_t next(ScanPass& pass) override {
    const bool small_is_long = lists().size(kNew) >= resident() / 10;
    // A round of S ends with an eviction, not when its share is reached.
    sweeping_small_ =
        lists().size(kNew) != 0 && (sweeping_small_ || small_is_long || lists().size(kProven) == 0);
    const FrameLists::List first = sweeping_small_ ? kNew : kProven;
    return next_from(first, pass);
  }

  Verdict decide(std::uint32_t frame, References references) override {
    std::uint8_t& uses = lists().mark(frame);
    if (references.entries != 0) uses = static_cast<std::uint8_t>(std::min(uses + 1, kMostUses));
    if (lists().list_of(frame) == kProven && uses != 0) {
      --uses;
      lists().push_front(kProven, frame);
      return Verdict::kKeep;
    }
    if (lists().list_of(frame) == kNew && uses > 1) {
      ++figures().pgactivate;
      lists().push_front(kProven, frame);
      return Verdict::kKeep;
    }
    // A bit that was set just now may stand for many uses, or for the fault alone: look again.
    if (references.entries != 0) {
      lists().push_front(kNew, frame);
      return Verdict::kKeep;
    }
    if (lists().list_of(frame) == kNew) sweeping_small_ = false;
    return Verdict::kEvict;
  }

  Shadow leave(std::uint32_t frame, Eviction /*how*/) override {
    if (lists().list_of(frame) == kProven) return GhostLists::stranger();
    const Shadow shadow = ghosts().remember(0);
    const std::uint64_t size = resident();
    while (ghosts().size(0) > std::max<std::uint64_t>(size - size / 10, 1)) ghosts().drop_last(0);
    return shadow;
  }

  void cool(std::uint32_t frame) override {
    lists().mark(frame) = 0;
    GhostPolicy::cool(frame);
  }

 private:
  static constexpr int kMostUses = 3;

  bool sweeping_small_ = false;
};

}  // namespace gonzo
