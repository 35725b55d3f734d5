// 2Q, the full version: Johnson and Shasha, "2Q: A Low Overhead High Performance Buffer Management
// Replacement Algorithm" (VLDB 1994).
#pragma once

#include "reclaim/ghost_policy.h"

namespace gonzo {

/// kNew is A1in, kProven Am, the ghosts are A1out. Pages come into A1in, a FIFO of a quarter of
/// memory, and leave it for A1out, which remembers half a memory's worth of pages. What comes back
/// from there is in use and enters Am, an LRU list. So pages that are used once, or often at once,
/// pass through without touching Am.
///
/// Memory's size, from which the shares follow, is the number of pages known now.
class TwoQueuePolicy final : public GhostPolicy {
 public:
  static constexpr std::string_view kName = "2q";
  explicit TwoQueuePolicy(std::uint32_t frames) : GhostPolicy(kName, frames, frames / 2 + 1) {}

 protected:
  void enter(std::uint32_t frame, Shadow returning) override {
    const bool in_use = ghosts().recall(returning).has_value();
    if (in_use) ++figures().workingset_activate[lists().kind(frame)];
    lists().push_front(in_use ? kProven : kNew, frame);
  }

  /// In A1in a use says nothing: it is likely to belong to the one that brought the page in.
  void hit(std::uint32_t frame) override {
    if (lists().list_of(frame) != kProven) return;
    lists().remove(frame);
    lists().push_front(kProven, frame);
  }

  std::uint32_t next(ScanPass& pass) override {
    const bool in_is_long = lists().size(kNew) > resident() / 4;
    const FrameLists::List first = in_is_long || lists().size(kProven) == 0 ? kNew : kProven;
    return next_from(first, pass);
  }

  Verdict decide(std::uint32_t frame, References references) override {
    if (lists().list_of(frame) == kNew || references.entries == 0) return Verdict::kEvict;
    lists().push_front(kProven, frame);
    return Verdict::kKeep;
  }

  Shadow leave(std::uint32_t frame, Eviction /*how*/) override {
    if (lists().list_of(frame) == kProven) return GhostLists::stranger();
    const Shadow shadow = ghosts().remember(0);
    while (ghosts().size(0) > std::max<std::uint64_t>(resident() / 2, 1)) ghosts().drop_last(0);
    return shadow;
  }
};

}  // namespace gonzo
