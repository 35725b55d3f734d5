// Least recently used.
#pragma once

#include "reclaim/listed_policy.h"

namespace gonzo {

/// Exact where each use is told by accessed(): traces, the software machine. From accessed bits
/// alone it learns of a use only when the page is about to leave, and is a CLOCK then.
class LruPolicy final : public ListedPolicy {
 public:
  static constexpr std::string_view kName = "lru";
  explicit LruPolicy(std::uint32_t frames) : ListedPolicy(kName, frames, 1) {}

 protected:
  void enter(std::uint32_t frame, Shadow /*returning*/) override { lists().push_front(0, frame); }
  void hit(std::uint32_t frame) override {
    lists().remove(frame);
    lists().push_front(0, frame);
  }
  void put_back(std::uint32_t frame, Kept /*why*/) override { lists().push_front(0, frame); }
  void cool(std::uint32_t frame) override { leave_next(frame); }
  void clean(std::uint32_t frame) override { leave_next(frame); }

 private:
  void leave_next(std::uint32_t frame) {
    lists().remove(frame);
    lists().push_back(0, frame);
  }
};

}  // namespace gonzo
