// First in, first out.
#pragma once

#include "reclaim/listed_policy.h"

namespace gonzo {

/// Takes no notice of use: the floor that other policies are measured from.
class FifoPolicy final : public ListedPolicy {
 public:
  static constexpr std::string_view kName = "fifo";
  explicit FifoPolicy(std::uint32_t frames) : ListedPolicy(kName, frames, 1) {}

 protected:
  void enter(std::uint32_t frame, Shadow /*returning*/) override { lists().push_front(0, frame); }
  void hit(std::uint32_t /*frame*/) override {}
  Verdict decide(std::uint32_t /*frame*/, References /*references*/) override {
    return Verdict::kEvict;
  }
  void put_back(std::uint32_t frame, Kept /*why*/) override { lists().push_front(0, frame); }
};

}  // namespace gonzo
