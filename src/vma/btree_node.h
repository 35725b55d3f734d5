// The nodes of the B-tree. Linux: struct maple_range_64, maple_arange_64 (256 bytes each).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <gonzo/base/check.h>
#include <gonzo/vma/vma.h>

namespace gonzo::btree {

/// In a node of either kind. Measured: see docs/architecture.md.
inline constexpr unsigned kSlots = 23;

/// No address ends here: what fills unused slots, so that a search need not know the count.
inline constexpr std::uint64_t kNoEnd = ~std::uint64_t{0};

/// What is known about a subtree from above.
struct Summary {
  std::uint64_t end = 0;  ///< of its last area
  LargestGaps largest{};
  bool operator==(const Summary&) const = default;
};

template <typename T>
void shift(T* values, unsigned from, unsigned to, unsigned target) {
  if (target < from) {
    std::copy(values + from, values + to, values + target);
  } else {
    std::copy_backward(values + from, values + to, values + target + (to - from));
  }
}

/// The ends of the areas below each slot, sorted. First in a node, so that they start a cache line.
class Ends {
 public:
  Ends() { std::ranges::fill(values_, kNoEnd); }
  std::uint64_t& operator[](unsigned slot) { return values_[slot]; }
  std::uint64_t operator[](unsigned slot) const { return values_[slot]; }
  void move(unsigned from, unsigned to, unsigned target) { shift(values_, from, to, target); }
  void clear(unsigned from, unsigned to) { std::fill(values_ + from, values_ + to, kNoEnd); }

  /// The first slot whose end is above `address`; kSlots or an unused one when there is none. Looks
  /// at every fourth end, then at those of one group, with no branch to mispredict.
  unsigned slot_above(std::uint64_t address) const {
    unsigned group = 0;
    for (unsigned i = kStride - 1; i < kSlots; i += kStride) group += values_[i] <= address;
    const std::uint64_t* const in_group = values_ + std::size_t{group} * kStride;
    unsigned slot = 0;
    for (unsigned i = 0; i < kStride; ++i) slot += in_group[i] <= address;
    return group * kStride + slot;
  }

 private:
  static constexpr unsigned kStride = 4;
  static_assert(kSlots % kStride == kStride - 1);
  std::uint64_t values_[kSlots + 1];  ///< the last one is always kNoEnd
};

struct Node {
  Ends ends;
  unsigned count = 0;
};

/// The size of the gap below an area; the lowest bit says that the area grows down.
class Gap {
 public:
  Gap() = default;
  Gap(std::uint64_t bytes, bool guarded) : value_(bytes | (guarded ? 1 : 0)) {}
  std::uint64_t bytes() const { return value_ & kPageMask; }
  bool is_guarded() const { return (value_ & 1) != 0; }
  bool operator==(const Gap&) const = default;

 private:
  std::uint64_t value_;
};

struct alignas(64) Leaf : Node {
  struct Slot {
    std::uint64_t end;
    Gap gap;
    Vma* area;
  };

  Gap gaps[kSlots];
  Vma* areas[kSlots];

  Slot slot(unsigned at) const { return {ends[at], gaps[at], areas[at]}; }
  /// Slots [from, to) go to `target`, which may overlap them.
  void move(unsigned from, unsigned to, unsigned target) {
    ends.move(from, to, target);
    shift(gaps, from, to, target);
    shift(areas, from, to, target);
  }
  void put(unsigned at, const Slot& slot) {
    ends[at] = slot.end, gaps[at] = slot.gap, areas[at] = slot.area;
  }
  Summary summary() const {
    Summary all{ends[count - 1], {}};
    for (unsigned i = 0; i < count; ++i) {
      const std::uint64_t bytes = gaps[i].bytes();
      const bool guarded = gaps[i].is_guarded();
      all.largest.plain = std::max(all.largest.plain, guarded ? 0 : bytes);
      all.largest.guarded = std::max(all.largest.guarded, guarded ? bytes : 0);
    }
    return all;
  }
};

struct alignas(64) Inner : Node {
  struct Slot {
    std::uint64_t end;
    Node* child;
    LargestGaps largest;
  };

  Node* children[kSlots];
  LargestGaps largest[kSlots];

  Slot slot(unsigned at) const { return {ends[at], children[at], largest[at]}; }
  void move(unsigned from, unsigned to, unsigned target) {
    ends.move(from, to, target);
    shift(children, from, to, target);
    shift(largest, from, to, target);
  }
  void put(unsigned at, const Slot& slot) {
    ends[at] = slot.end, children[at] = slot.child, largest[at] = slot.largest;
  }
  /// False when it was so already.
  bool describe(unsigned at, const Summary& child) {
    if (ends[at] == child.end && largest[at] == child.largest) return false;
    ends[at] = child.end, largest[at] = child.largest;
    return true;
  }
  Summary summary() const {
    Summary all{ends[count - 1], {}};
    for (unsigned i = 0; i < count; ++i) {
      all.largest.plain = std::max(all.largest.plain, largest[i].plain);
      all.largest.guarded = std::max(all.largest.guarded, largest[i].guarded);
    }
    return all;
  }
};

/// A node but the root has at least this many slots in use.
inline constexpr unsigned kFewest = kSlots / 3;
/// Two neighbours with no more than this together become one: not so full that the next insert
/// parts them again.
inline constexpr unsigned kMostMerged = kSlots * 3 / 4;

template <typename N>
void insert_slot(N& node, unsigned at, const typename N::Slot& slot) {
  GONZO_ASSERT(node.count < kSlots && at <= node.count);
  node.move(at, node.count, at + 1);
  node.put(at, slot);
  ++node.count;
}

template <typename N>
void erase_slot(N& node, unsigned at) {
  GONZO_ASSERT(at < node.count);
  node.move(at + 1, node.count, at);
  --node.count;
  node.ends[node.count] = kNoEnd;
}

/// Moves slots between two neighbours until the left one has `keep`.
template <typename N>
void divide(N& left, N& right, unsigned keep) {
  if (left.count > keep) {
    const unsigned moved = left.count - keep;
    right.move(0, right.count, moved);
    for (unsigned i = 0; i < moved; ++i) right.put(i, left.slot(keep + i));
    left.ends.clear(keep, left.count);
    left.count = keep;
    right.count += moved;
  } else {
    const unsigned moved = keep - left.count;
    GONZO_ASSERT(moved <= right.count);
    for (unsigned i = 0; i < moved; ++i) left.put(left.count + i, right.slot(i));
    right.move(moved, right.count, 0);
    right.ends.clear(right.count - moved, right.count);
    left.count = keep;
    right.count -= moved;
  }
}

}  // namespace gonzo::btree
