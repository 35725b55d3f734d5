// ARC: Megiddo and Modha, "ARC: A Self-Tuning, Low Overhead Replacement Cache" (FAST 2003), with
// accessed bits as in Bansal and Modha, "CAR: Clock with Adaptive Replacement" (FAST 2004).
#pragma once

#include <algorithm>

#include "reclaim/ghost_policy.h"

namespace gonzo {

/// kNew is T1 and B1, kProven T2 and B2. T1 holds pages used once lately, T2 those used more often;
/// B1 and B2 remember what left them. A page that comes back from B1 says that T1 ought to be
/// longer, one from B2 the contrary, and `target_`, T1's share (the paper's p), follows.
///
/// Two things differ from the paper, both because memory is freed ahead of need: the victim is
/// chosen before it is known which page comes in, so `target_` moves after the choice, not before;
/// and memory's size (the paper's c) is the number of pages known now.
class ArcPolicy final : public GhostPolicy {
 public:
  static constexpr std::string_view kName = "arc";
  explicit ArcPolicy(std::uint32_t frames) : GhostPolicy(kName, frames, frames + kBatch) {}

 protected:
  void enter(std::uint32_t frame, Shadow returning) override {
    const std::uint64_t once = ghosts().size(kNew), often = ghosts().size(kProven);
    const auto from = ghosts().recall(returning);
    if (from == kNew) {
      target_ = std::min(resident(), target_ + std::max<std::uint64_t>(often / once, 1));
    } else if (from == kProven) {
      target_ -= std::min(target_, std::max<std::uint64_t>(once / often, 1));
    }
    if (from) ++figures().workingset_activate[lists().kind(frame)];
    lists().push_front(from ? kProven : kNew, frame);
    trim_ghosts();
  }

  void hit(std::uint32_t frame) override {
    if (lists().list_of(frame) == kNew) ++figures().pgactivate;
    lists().remove(frame);
    lists().push_front(kProven, frame);
  }

  /// The paper's REPLACE.
  std::uint32_t next(ScanPass& pass) override {
    const bool once_is_long = lists().size(kNew) > target_;
    const FrameLists::List first = once_is_long || lists().size(kProven) == 0 ? kNew : kProven;
    return next_from(first, pass);
  }

  /// The first bit that is seen in T1 may be that of the fault which brought the page in.
  Verdict decide(std::uint32_t frame, References references) override {
    if (references.entries == 0) return Verdict::kEvict;
    const bool first_look = lists().list_of(frame) == kNew && lists().mark(frame) == 0;
    lists().mark(frame) = kSeen;
    put_back(frame, first_look ? Kept::kBusy : Kept::kReferenced);
    return Verdict::kKeep;
  }

  void put_back(std::uint32_t frame, Kept why) override {
    if (why == Kept::kReferenced && lists().list_of(frame) != kProven) ++figures().pgactivate;
    GhostPolicy::put_back(frame, why);
  }

  Shadow leave(std::uint32_t frame, Eviction /*how*/) override {
    return ghosts().remember(lists().list_of(frame));
  }

 private:
  static constexpr std::uint8_t kSeen = 1;
  static constexpr std::uint32_t kBatch = 32;  ///< so many may leave before one comes in

  void trim_ghosts() {
    const std::uint64_t size = resident();
    while (ghosts().size(kNew) != 0 &&
           lists().size(kNew) + std::uint64_t{ghosts().size(kNew)} > size) {
      ghosts().drop_last(kNew);
    }
    while (ghosts().size(kProven) != 0 &&
           size + ghosts().size(kNew) + ghosts().size(kProven) > 2 * size) {
      ghosts().drop_last(kProven);
    }
  }

  std::uint64_t target_ = 0;
};

}  // namespace gonzo
