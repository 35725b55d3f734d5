// Changes that need areas, which are frames' memory.
#pragma once

#include <gonzo/mm/address_space.h>

namespace gonzo {

/// Runs `change`, which can be run again after ENOMEM, under the lock; where it fails for want of
/// frames, room is made with the lock let go.
template <typename Change>
auto AddressSpace::with_areas(Change change) {
  for (unsigned tries = 0;; ++tries) {
    const auto outcome = [&] {
      const LockGuard guard(lock_);
      return change();
    }();
    if (outcome || outcome.error() != Errno::kNoMem || !make_room_for_tables(0, tries)) {
      return outcome;
    }
  }
}

}  // namespace gonzo
