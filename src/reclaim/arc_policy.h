// ARC: Megiddo and Modha, "ARC: A Self-Tuning, Low Overhead Replacement Cache" (FAST 2003), with
// accessed bits as in Bansal and Modha, "CAR: Clock with Adaptive Replacement" (FAST 2004).
#pragma once

#include <algorithm>

#include "reclaim/ghost_lists.h"
#include "reclaim/listed_policy.h"

namespace gonzo {

/// T1 holds pages used once lately, T2 those used more often; B1 and B2 remember what left them.
/// A page that comes back from B1 says that T1 ought to be longer, one from B2 the contrary, and
/// `target_`, T1's share (the paper's p), follows.
///
/// Two things differ from the paper, both because memory is freed ahead of need: the victim is
/// chosen before it is known which page comes in, so `target_` moves after the choice, not before;
/// and memory's size (the paper's c) is the number of pages known now.
class ArcPolicy final : public ListedPolicy {
 public:
  static constexpr std::string_view kName = "arc";
  explicit ArcPolicy(std::uint32_t frames)
      : ListedPolicy(kName, frames, 2), ghosts_(frames + kBatch) {}

  std::size_t bytes() const override { return ListedPolicy::bytes() + ghosts_.bytes(); }
  PolicyStats stats() const override { return stats_with_active(kOften); }
  std::string verify() const override {
    std::string wrong = ListedPolicy::verify();
    return wrong.empty() ? ghosts_.verify() : wrong;
  }

 protected:
  void enter(std::uint32_t frame, Shadow returning) override {
    const std::uint64_t once = ghosts_.size(kOnce), often = ghosts_.size(kOften);
    const auto from = ghosts_.recall(returning);
    if (from == kOnce) {
      target_ = std::min(resident(), target_ + std::max<std::uint64_t>(often / once, 1));
    } else if (from == kOften) {
      target_ -= std::min(target_, std::max<std::uint64_t>(once / often, 1));
    }
    if (from) ++figures().workingset_activate[lists().kind(frame)];
    lists().push_front(from ? kOften : kOnce, frame);
    trim_ghosts();
  }

  void hit(std::uint32_t frame) override {
    if (lists().list_of(frame) == kOnce) ++figures().pgactivate;
    lists().remove(frame);
    lists().push_front(kOften, frame);
  }

  /// The paper's REPLACE.
  std::uint32_t next(ScanPass& pass) override {
    const bool once_is_long = lists().size(kOnce) > target_;
    const FrameLists::List first = once_is_long || lists().size(kOften) == 0 ? kOnce : kOften;
    const std::uint32_t frame = next_from_back(first, pass.request, pass.left[0]);
    return frame != FrameLists::kNone
               ? frame
               : next_from_back(first == kOnce ? kOften : kOnce, pass.request, pass.left[0]);
  }

  /// The first bit that is seen in T1 may be that of the fault which brought the page in.
  Verdict decide(std::uint32_t frame, References references) override {
    if (references.entries == 0) return Verdict::kEvict;
    const bool first_look = lists().list_of(frame) == kOnce && lists().mark(frame) == 0;
    lists().mark(frame) = kSeen;
    put_back(frame, first_look ? Kept::kBusy : Kept::kReferenced);
    return Verdict::kKeep;
  }

  void put_back(std::uint32_t frame, Kept why) override {
    const bool was_often = lists().list_of(frame) == kOften;
    if (why == Kept::kReferenced && !was_often) ++figures().pgactivate;
    lists().push_front(why == Kept::kReferenced || was_often ? kOften : kOnce, frame);
  }

  Shadow leave(std::uint32_t frame, Eviction /*how*/) override {
    return ghosts_.remember(lists().list_of(frame));
  }

  void cool(std::uint32_t frame) override {
    lists().remove(frame);
    lists().push_back(kOnce, frame);
  }
  void clean(std::uint32_t frame) override { cool(frame); }

 private:
  static constexpr FrameLists::List kOnce = 0, kOften = 1;  ///< T1 and B1, T2 and B2
  static constexpr std::uint8_t kSeen = 1;
  static constexpr std::uint32_t kBatch = 32;  ///< so many may leave before one comes in

  void trim_ghosts() {
    const std::uint64_t size = resident();
    while (ghosts_.size(kOnce) != 0 &&
           lists().size(kOnce) + std::uint64_t{ghosts_.size(kOnce)} > size) {
      ghosts_.drop_last(kOnce);
    }
    while (ghosts_.size(kOften) != 0 &&
           size + ghosts_.size(kOnce) + ghosts_.size(kOften) > 2 * size) {
      ghosts_.drop_last(kOften);
    }
  }

  GhostLists ghosts_;
  std::uint64_t target_ = 0;
};

}  // namespace gonzo
