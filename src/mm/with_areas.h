// Changes that need areas, which are frames' memory.
#pragma once

#include <gonzo/mm/address_space.h>

namespace gonzo {

/// Runs `change` under the lock; where it found no frame for an area or a table, room is made with
/// the lock let go, and it runs again. A limit or a hole is an error at once.
template <typename Change>
auto AddressSpace::with_areas(Change change) {
  for (unsigned tries = 0;; ++tries) {
    bool lacked_frames = false;
    const auto outcome = [&] {
      const LockGuard guard(lock_);
      lacks_frames_ = false;
      auto changed = change();
      lacked_frames = lacks_frames_;
      return changed;
    }();
    if (outcome || !lacked_frames || !manager_.make_room(config_.owner, tries)) return outcome;
  }
}

}  // namespace gonzo
