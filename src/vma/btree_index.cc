#include "vma/btree_index.h"

#include <gonzo/base/check.h>

namespace gonzo {

BTreeVmaIndex::~BTreeVmaIndex() {
  if (root_ != nullptr) collapse(root_, levels_);
}

void BTreeVmaIndex::collapse(Node* node, unsigned levels) {
  if (levels > 1) {
    const Inner& inner = *static_cast<Inner*>(node);
    for (unsigned i = 0; i < inner.count; ++i) collapse(inner.children[i], levels - 1);
    inners_.give(node);
  } else {
    leaves_.give(node);
  }
}

Vma* BTreeVmaIndex::find(VirtAddr address) const {
  // Below the last end there is a slot at every level, so the way down asks no more questions.
  if (address >= top()) return nullptr;
  const Node* node = root_;
  for (unsigned level = levels_; level > 1; --level) {
    node = static_cast<const Inner*>(node)->children[node->ends.slot_above(address.value)];
  }
  return static_cast<const Leaf*>(node)->areas[node->ends.slot_above(address.value)];
}

BTreeVmaIndex::Path BTreeVmaIndex::descend(VirtAddr address) const {
  Path path;
  Node* node = root_;
  for (unsigned level = levels_; level > 1; --level) {
    Inner& inner = *static_cast<Inner*>(node);
    const unsigned slot = std::min(inner.ends.slot_above(address.value), inner.count - 1);
    path.steps[path.depth++] = {&inner, slot};
    node = inner.children[slot];
  }
  path.leaf = static_cast<Leaf*>(node);
  path.slot = std::min(path.leaf->ends.slot_above(address.value), path.leaf->count);
  return path;
}

BTreeVmaIndex::Path BTreeVmaIndex::path_to(const Vma& vma) const {
  Path path = descend(vma.start());
  GONZO_CHECK(path.slot < path.leaf->count && path.leaf->areas[path.slot] == &vma);
  return path;
}

void BTreeVmaIndex::publish(const Path& path) {
  if (path.depth == 0) return;
  btree::Summary summary = path.leaf->summary();
  for (unsigned level = path.depth; level-- > 0;) {
    const auto& [inner, slot] = path.steps[level];
    if (!inner->describe(slot, summary)) return;
    summary = inner->summary();
  }
}

btree::Gap BTreeVmaIndex::gap_below(const Vma& vma) {
  const Vma* below = AreaList::previous(vma);
  const std::uint64_t bytes = vma.start() - (below != nullptr ? below->end() : VirtAddr(0));
  return {bytes, vma.has(vm_flags::kGrowsDown)};
}

/// Publishes the leaf of `path` as well.
void BTreeVmaIndex::update_gap_above(const Path& path, Vma* above) {
  Leaf& leaf = *path.leaf;
  const unsigned slot = leaf.ends.slot_above(above != nullptr ? above->start().value : 0);
  const bool here = above != nullptr && slot < leaf.count && leaf.areas[slot] == above;
  if (here) leaf.gaps[slot] = gap_below(*above);
  publish(path);
  if (above == nullptr || here) return;
  const Path other = path_to(*above);
  other.leaf->gaps[other.slot] = gap_below(*above);
  publish(other);
}

/// Each insert splits one node of a level at most.
std::size_t BTreeVmaIndex::leaves_needed(std::size_t inserts) const {
  if (inserts == 0) return 0;
  if (levels_ == 0 && inserts <= btree::kSlots) return 1;
  if (levels_ == 1 && root_->count + inserts <= btree::kSlots) return 0;
  return inserts + 1;
}

/// The root splits once and gets one above it, unless so many come that they fill both halves.
std::size_t BTreeVmaIndex::inners_needed(std::size_t inserts) const {
  if (leaves_needed(inserts) <= 1) return 0;
  constexpr std::size_t kFew = btree::kFewest / 2;
  if (inserts > kFew || levels_ == 0) return inserts * (levels_ + 1);
  return levels_ == 1 ? 1 : inserts * (levels_ - 2) + 2;
}

Result<void> BTreeVmaIndex::reserve(std::size_t inserts) {
  if (inserts <= promised_) return {};
  GONZO_TRY(leaves_.reserve(leaves_needed(inserts)));
  GONZO_TRY(inners_.reserve(inners_needed(inserts)));
  promised_ = inserts;
  return {};
}

void BTreeVmaIndex::insert(Vma& vma) {
  GONZO_ASSERT(!vma.range().empty());
  GONZO_ASSERT(promised_ > 0);
  if (promised_ > 0) --promised_;
  if (root_ == nullptr) {
    root_ = make_node<Leaf>();
    levels_ = 1;
  }
  Path path = descend(vma.start());
  while (path.leaf->count == btree::kSlots) {
    make_room(path);
    path = descend(vma.start());
  }
  // Only behind the last area is there none at the slot.
  Leaf& leaf = *path.leaf;
  Vma* const above = path.slot < leaf.count ? leaf.areas[path.slot] : nullptr;
  list_.insert_before(vma, above);
  GONZO_ASSERT(above == nullptr || vma.end() <= above->start());
  insert_slot(leaf, path.slot, {vma.end().value, gap_below(vma), &vma});
  if (above != nullptr) leaf.gaps[path.slot + 1] = gap_below(*above);
  ++size_;
  publish(path);
}

void BTreeVmaIndex::erase(Vma& vma) {
  const Path path = path_to(vma);
  Vma* const above = AreaList::next(vma);
  list_.erase(vma);
  --size_;
  erase_slot(*path.leaf, path.slot);
  if (size_ == 0) {
    free_node(*static_cast<Leaf*>(root_));
    root_ = nullptr;
    levels_ = 0;
    return;
  }
  update_gap_above(path, above);
  mend_underflow(path);
}

void BTreeVmaIndex::resize(Vma& vma, AddressRange range) {
  Vma* const above = AreaList::next(vma);
  GONZO_ASSERT(!range.empty());
  GONZO_ASSERT(previous(vma) == nullptr || previous(vma)->end() <= range.start);
  GONZO_ASSERT(above == nullptr || range.end <= above->start());
  const Path path = path_to(vma);
  const bool same_end = vma.end() == range.end;
  vma.set_range(range);
  path.leaf->ends[path.slot] = range.end.value;
  path.leaf->gaps[path.slot] = gap_below(vma);
  if (same_end) {
    publish(path);
  } else {
    update_gap_above(path, above);
  }
}

std::size_t BTreeVmaIndex::bytes() const {
  return sizeof *this + leaves_.bytes() + inners_.bytes() + size_ * sizeof(ListLinks);
}

}  // namespace gonzo
