// 2Q, the full version: Johnson and Shasha, "2Q: A Low Overhead High Performance Buffer Management
// Replacement Algorithm" (VLDB 1994).
#pragma once

#include "reclaim/ghost_lists.h"
#include "reclaim/listed_policy.h"

namespace gonzo {

/// Pages come into A1in, a FIFO of a quarter of memory, and leave it for A1out, which remembers
/// half a memory's worth of pages. What comes back from there is in use and enters Am, an LRU list.
/// So pages that are used once, or often at once, pass through without touching Am.
///
/// Memory's size, from which the shares follow, is the number of pages known now.
class TwoQueuePolicy final : public ListedPolicy {
 public:
  static constexpr std::string_view kName = "2q";
  explicit TwoQueuePolicy(std::uint32_t frames)
      : ListedPolicy(kName, frames, 2), ghosts_(frames / 2 + 1) {}

  std::size_t bytes() const override { return ListedPolicy::bytes() + ghosts_.bytes(); }
  PolicyStats stats() const override { return stats_with_active(kMain); }
  std::string verify() const override {
    std::string wrong = ListedPolicy::verify();
    return wrong.empty() ? ghosts_.verify() : wrong;
  }

 protected:
  void enter(std::uint32_t frame, Shadow returning) override {
    const bool in_use = ghosts_.recall(returning).has_value();
    if (in_use) ++figures().workingset_activate[lists().kind(frame)];
    lists().push_front(in_use ? kMain : kIn, frame);
  }

  /// In A1in a use says nothing: it is likely to belong to the one that brought the page in.
  void hit(std::uint32_t frame) override {
    if (lists().list_of(frame) != kMain) return;
    lists().remove(frame);
    lists().push_front(kMain, frame);
  }

  std::uint32_t next(ScanPass& pass) override {
    const bool in_is_long = lists().size(kIn) > resident() / 4;
    const FrameLists::List first = in_is_long || lists().size(kMain) == 0 ? kIn : kMain;
    const std::uint32_t frame = next_from_back(first, pass.request, pass.left[0]);
    return frame != FrameLists::kNone
               ? frame
               : next_from_back(first == kIn ? kMain : kIn, pass.request, pass.left[0]);
  }

  Verdict decide(std::uint32_t frame, References references) override {
    if (lists().list_of(frame) == kIn || references.entries == 0) return Verdict::kEvict;
    lists().push_front(kMain, frame);
    return Verdict::kKeep;
  }

  void put_back(std::uint32_t frame, Kept why) override {
    const bool in_use = why == Kept::kReferenced || lists().list_of(frame) == kMain;
    lists().push_front(in_use ? kMain : kIn, frame);
  }

  Shadow leave(std::uint32_t frame, Eviction /*how*/) override {
    if (lists().list_of(frame) == kMain) return GhostLists::stranger();
    const Shadow shadow = ghosts_.remember(0);
    while (ghosts_.size(0) > std::max<std::uint64_t>(resident() / 2, 1)) ghosts_.drop_last(0);
    return shadow;
  }

  void cool(std::uint32_t frame) override {
    lists().remove(frame);
    lists().push_back(kIn, frame);
  }
  void clean(std::uint32_t frame) override { cool(frame); }

 private:
  static constexpr FrameLists::List kIn = 0, kMain = 1;

  GhostLists ghosts_;  ///< A1out
};

}  // namespace gonzo
