// Lists of pages that have left, for policies that remember the order in which they went.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "reclaim/zeroed_array.h"
#include <gonzo/reclaim/shadow.h>

namespace gonzo {

/// A shadow is a place in a table and how often the place had been given away, so finding a ghost
/// takes no search and no key, and the shadow of a forgotten one finds nothing. 16 bytes a ghost,
/// none until it is first used. The front is the latest.
class GhostLists {
 public:
  using List = unsigned;
  static constexpr List kMostLists = 2;

  /// Never more than `most` ghosts in all lists together.
  explicit GhostLists(std::uint32_t most);

  /// At the front of `list`; when there is no room, for the last of that list, or in vain.
  Shadow remember(List list);
  /// For a page that is not to be remembered: a shadow that finds nothing.
  static Shadow stranger() { return Shadow{std::uint64_t{1} << kGenerationShift}; }
  /// The list of the ghost that this shadow stands for, which it leaves; none if it is forgotten.
  std::optional<List> recall(Shadow shadow);
  /// Forgets the last of a list that is not empty.
  void drop_last(List list);

  std::uint32_t size(List list) const { return sizes_[list]; }
  std::size_t bytes() const { return nodes_.bytes(); }
  std::string verify() const;

 private:
  static constexpr unsigned kGenerationShift = 32;
  static constexpr std::uint32_t kGenerationMask = 0x3fffffff;  ///< a shadow's two top bits are 0
  static constexpr std::uint32_t kNowhere = kMostLists;
  struct Node {
    std::uint32_t prev, next;  ///< next: also in the chain of free places
    std::uint32_t generation;
    std::uint32_t list;
  };

  void unlink(std::uint32_t place);

  /// The lists' heads, then ghosts; the places from `virgin_` on have never been used.
  ZeroedArray<Node> nodes_;
  std::uint32_t virgin_ = kMostLists;
  std::uint32_t free_ = 0;  ///< the first free place of those that have been used; 0: none
  std::array<std::uint32_t, kMostLists> sizes_{};
};

}  // namespace gonzo
