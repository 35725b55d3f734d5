// What the policies share that keep new pages apart from proven ones, and remember what left.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "reclaim/ghost_lists.h"
#include "reclaim/listed_policy.h"

namespace gonzo {

/// Two lists of pages; which of them gives the next victim, and who crosses over, is the policy's.
class GhostPolicy : public ListedPolicy {
 public:
  std::size_t bytes() const final { return ListedPolicy::bytes() + ghosts_.bytes(); }
  PolicyStats stats() const final { return stats_with_active(kProven); }
  std::string verify() const final {
    std::string wrong = ListedPolicy::verify();
    return wrong.empty() ? ghosts_.verify() : wrong;
  }

 protected:
  static constexpr FrameLists::List kNew = 0, kProven = 1;

  GhostPolicy(std::string_view name, std::uint32_t frames, std::uint32_t most_ghosts)
      : ListedPolicy(name, frames, 2), ghosts_(most_ghosts) {}

  GhostLists& ghosts() { return ghosts_; }

  /// From the back of `first`, or of the other list when nothing is left there.
  std::uint32_t next_from(FrameLists::List first, ScanPass& pass) {
    const std::uint32_t frame = next_from_back(first, pass.request, pass.left[0]);
    return frame != FrameLists::kNone
               ? frame
               : next_from_back(first == kNew ? kProven : kNew, pass.request, pass.left[0]);
  }

  void put_back(std::uint32_t frame, Kept why) override {
    const bool in_use = why == Kept::kReferenced || lists().list_of(frame) == kProven;
    lists().push_front(in_use ? kProven : kNew, frame);
  }
  std::string place_name(std::uint32_t frame) const override {
    return lists().list_of(frame) == kNew ? "among the new" : "among the proven";
  }
  void cool(std::uint32_t frame) override {
    lists().remove(frame);
    lists().push_back(kNew, frame);
  }
  void clean(std::uint32_t frame) override { cool(frame); }

 private:
  GhostLists ghosts_;
};

}  // namespace gonzo
