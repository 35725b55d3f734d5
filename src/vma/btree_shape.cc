// How the B-tree's nodes split, share and merge.
#include <new>

#include "vma/btree_index.h"
#include <gonzo/base/check.h>

namespace gonzo {

using btree::divide;
using btree::kFewest;
using btree::kMostMerged;

namespace {

template <typename N>
N& child_at(const btree::Inner& parent, unsigned slot) {
  return *static_cast<N*>(parent.children[slot]);
}

/// Two neighbours get the same number of slots; their parent learns of it.
template <typename N>
void share(btree::Inner& parent, unsigned left_slot) {
  N& left = child_at<N>(parent, left_slot);
  N& right = child_at<N>(parent, left_slot + 1);
  divide(left, right, (left.count + right.count) / 2);
  parent.describe(left_slot, left.summary());
  parent.describe(left_slot + 1, right.summary());
}

/// Spare blocks kept beyond what is promised, so that one split and merge after the other does not
/// go to the host's allocator.
constexpr std::size_t kKept = 4;

}  // namespace

template <>
btree::Leaf* BTreeVmaIndex::make_node() {
  return new (leaves_.take()) Leaf;
}
template <>
btree::Inner* BTreeVmaIndex::make_node() {
  return new (inners_.take()) Inner;
}

void BTreeVmaIndex::free_node(Leaf& leaf) {
  leaves_.give(&leaf);
  leaves_.trim(leaves_needed(promised_) + kKept);
}

void BTreeVmaIndex::free_node(Inner& inner) {
  inners_.give(&inner);
  inners_.trim(inners_needed(promised_) + kKept);
}

bool BTreeVmaIndex::is_full(const Path& path, unsigned level) const {
  return path.node_at(level)->count == btree::kSlots;
}

/// One step towards room in the full leaf of `path`, whose slots do not hold afterwards.
void BTreeVmaIndex::make_room(const Path& path) {
  // Room is made from the top of the full nodes above the leaf downwards.
  unsigned level = path.depth;
  while (level > 0 && is_full(path, level - 1)) --level;
  if (level == 0) {
    add_root();
    return;
  }
  const auto& [parent, slot] = path.steps[level - 1];
  if (level == path.depth) {
    relieve<Leaf>(*parent, slot);
  } else {
    relieve<Inner>(*parent, slot);
  }
}

void BTreeVmaIndex::add_root() {
  const btree::Summary summary =
      levels_ == 1 ? static_cast<Leaf*>(root_)->summary() : static_cast<Inner*>(root_)->summary();
  Inner* const root = make_node<Inner>();
  insert_slot(*root, 0, {summary.end, root_, summary.largest});
  root_ = root;
  ++levels_;
  GONZO_CHECK(levels_ <= kMostLevels);
}

/// The full child at `slot` gets room: a neighbour takes some of it, or a new one half. Runs of
/// inserts at one end (mmap top-down) so leave nodes nearly full behind them.
template <typename N>
void BTreeVmaIndex::relieve(Inner& parent, unsigned slot) {
  constexpr unsigned kRoomy = btree::kSlots - btree::kSlots / 4;
  if (slot > 0 && parent.children[slot - 1]->count <= kRoomy) return share<N>(parent, slot - 1);
  if (slot + 1 < parent.count && parent.children[slot + 1]->count <= kRoomy) {
    return share<N>(parent, slot);
  }
  N* const right = make_node<N>();
  insert_slot(parent, slot + 1, {parent.ends[slot], right, {}});
  share<N>(parent, slot);
}

/// The child at `slot` has too few: it becomes one with a neighbour, or takes some of its slots.
template <typename N>
void BTreeVmaIndex::refill(Inner& parent, unsigned slot) {
  const unsigned left_slot = slot > 0 ? slot - 1 : slot;
  N& left = child_at<N>(parent, left_slot);
  N& right = child_at<N>(parent, left_slot + 1);
  const unsigned both = left.count + right.count;
  if (both > kMostMerged) return share<N>(parent, left_slot);
  divide(left, right, both);
  parent.describe(left_slot, left.summary());
  erase_slot(parent, left_slot + 1);
  free_node(right);
}

void BTreeVmaIndex::mend_underflow(const Path& path) {
  if (path.depth > 0 && path.leaf->count < kFewest) {
    const auto& [parent, slot] = path.steps[path.depth - 1];
    refill<Leaf>(*parent, slot);
    for (unsigned level = path.depth - 1; level > 0; --level) {
      if (path.steps[level].node->count >= kFewest) break;
      refill<Inner>(*path.steps[level - 1].node, path.steps[level - 1].slot);
    }
  }
  while (levels_ > 1 && root_->count == 1) {
    Inner& old = *static_cast<Inner*>(root_);
    root_ = old.children[0];
    --levels_;
    free_node(old);
  }
}

}  // namespace gonzo
