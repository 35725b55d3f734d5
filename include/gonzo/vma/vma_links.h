// The room in an area for the index that holds it.
#pragma once

#include <cstdint>

namespace gonzo {

/// The largest gaps in front of some areas, in bytes. Two, because the gap below an area that grows
/// down must hold its guard as well, and only the request says how large that is.
struct LargestGaps {
  std::uint64_t plain;    ///< below areas that do not grow down
  std::uint64_t guarded;  ///< below areas that do

  bool operator==(const LargestGaps&) const = default;
};

struct VmaLinks;

/// Neighbours by address.
struct ListLinks {
  VmaLinks *previous, *next;
};

/// Each kind of index uses it in its own way, and only the one that the area is in. In the cache
/// line of the area's range, for both are what a search reads.
struct VmaLinks {
  /// The trees' (red-black, AVL).
  VmaLinks *parent = nullptr, *left = nullptr, *right = nullptr;
  std::uint64_t balance : 8 = 0;  ///< a red-black node's colour, an AVL node's height
  std::uint64_t gap : 56 = 0;     ///< AVL: pages free below this area
  union {
    ListLinks list{nullptr, nullptr};  ///< red-black tree, B-tree
    LargestGaps largest;               ///< AVL: in the subtree
  };
};

}  // namespace gonzo
