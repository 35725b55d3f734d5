// CLOCK: Corbató, "A Paging Experiment with the Multics System" (1968).
#pragma once

#include "reclaim/listed_policy.h"

namespace gonzo {

/// Pages stand in a ring. The hand evicts the one that it points at, unless it was used since the
/// hand last passed. As a list: the hand takes from the back, and what it spares goes to the front.
class ClockPolicy final : public ListedPolicy {
 public:
  static constexpr std::string_view kName = "clock";
  explicit ClockPolicy(std::uint32_t frames) : ListedPolicy(kName, frames, 1) {}

 protected:
  void enter(std::uint32_t frame, Shadow /*returning*/) override { lists().push_front(0, frame); }
  void hit(std::uint32_t frame) override { lists().mark(frame) = kUsed; }
  Verdict decide(std::uint32_t frame, References references) override {
    if (references.entries == 0 && lists().mark(frame) != kUsed) return Verdict::kEvict;
    put_back(frame, Kept::kReferenced);
    return Verdict::kKeep;
  }
  void put_back(std::uint32_t frame, Kept /*why*/) override {
    lists().mark(frame) = 0;
    lists().push_front(0, frame);
  }
  /// The hand meets it next.
  void cool(std::uint32_t frame) override { to_hand(frame); }
  void clean(std::uint32_t frame) override { to_hand(frame); }

 private:
  static constexpr std::uint8_t kUsed = 1;
  void to_hand(std::uint32_t frame) {
    lists().remove(frame);
    lists().mark(frame) = 0;
    lists().push_back(0, frame);
  }
};

}  // namespace gonzo
