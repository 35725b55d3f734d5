// What an operation does to the resident-set counters, gathered to be added at once.
#pragma once

#include <cstdint>

#include <gonzo/frame/frame.h>
#include <gonzo/mm/address_space.h>

namespace gonzo {

/// Pages gained (lost: negative) in one area. Linux: the rss[] of copy_pte_range, zap_pte_range.
struct AddressSpace::RssChange {
  std::int64_t anon = 0;
  std::int64_t object = 0;  ///< shared memory or file, as the area's object is

  void add(const Frame& frame, std::int64_t pages) {
    (frame.state == FrameState::kAnonymous ? anon : object) += pages;
  }
};

}  // namespace gonzo
