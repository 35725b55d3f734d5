// Helpers for tests of the calls that only write contracts: what areas are there afterwards.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <sstream>
#include <string>
#include <vector>

#include "unit/mm/guest.h"

namespace gonzo::test {

inline constexpr int kReadWrite = PROT_READ | PROT_WRITE;
inline constexpr int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS;
inline constexpr int kSharedAnonymous = MAP_SHARED | MAP_ANONYMOUS;

class Contracts : public Guest {
 protected:
  /// "first-end perms" of each area from kBase up, in pages from kBase.
  std::vector<std::string> areas() {
    std::vector<std::string> found;
    std::istringstream text(space_->maps_text());
    for (std::string line; std::getline(text, line);) {
      std::istringstream fields(line);
      std::uint64_t start = 0, end = 0;
      char dash = 0;
      std::string permissions;
      fields >> std::hex >> start >> dash >> end >> permissions;
      if (start < kBase.value) continue;
      found.push_back(fmt::format("{}-{} {}", (start - kBase.value) / kPageSize,
                                  (end - kBase.value) / kPageSize, permissions));
    }
    return found;
  }
  static Errno error(const auto& result) { return result ? Errno{} : result.error(); }
  Errno map_error(const MapRequest& request) { return error(space_->map(request)); }
  Errno protect(std::uint64_t first, std::uint64_t pages, int protection) {
    return error(space_->protect(page(first), pages * kPageSize, protection));
  }
  Errno unmap(std::uint64_t first, std::uint64_t pages) {
    return error(space_->unmap(page(first), pages * kPageSize));
  }
  Errno advise(std::uint64_t first, std::uint64_t pages, int advice) {
    return error(space_->advise(page(first), pages * kPageSize, advice));
  }
  Result<VirtAddr> remap(std::uint64_t first, std::uint64_t old_pages, std::uint64_t new_pages,
                         int flags, std::uint64_t to = 0) {
    return space_->remap(page(first), old_pages * kPageSize, new_pages * kPageSize, flags,
                         page(to));
  }
  void limit(std::uint64_t AddressSpaceLimits::* which, std::uint64_t bytes) {
    AddressSpaceLimits limits = space_->limits();
    limits.*which = bytes;
    space_->set_limits(limits);
  }
};

using ::testing::ElementsAre;
using ::testing::IsEmpty;

}  // namespace gonzo::test
