#include "vma/avl_index.h"

#include <algorithm>

#include "vma/area_list.h"
#include <gonzo/base/check.h>

namespace gonzo {
namespace {

unsigned height(const VmaLinks* node) { return node != nullptr ? node->balance : 0; }

/// Computes a node's height and gaps from its children.
void refresh(VmaLinks& node) {
  const unsigned tall = 1 + std::max(height(node.left), height(node.right));
  const std::uint64_t gap = node.gap << kPageShift;
  const bool guarded = vma_of(node).has(vm_flags::kGrowsDown);
  LargestGaps largest{guarded ? 0 : gap, guarded ? gap : 0};
  for (const VmaLinks* child : {node.left, node.right}) {
    if (child == nullptr) continue;
    largest.plain = std::max(largest.plain, child->largest.plain);
    largest.guarded = std::max(largest.guarded, child->largest.guarded);
  }
  node.balance = static_cast<std::uint8_t>(tall);
  node.largest = largest;
}

template <VmaLinks* VmaLinks::* kSide>
VmaLinks* outermost(VmaLinks* node) {
  while (node != nullptr && node->*kSide != nullptr) node = node->*kSide;
  return node;
}

/// The next node to the side of kTo.
template <VmaLinks* VmaLinks::* kTo, VmaLinks* VmaLinks::* kFrom>
VmaLinks* step(const VmaLinks& from) {
  if (from.*kTo != nullptr) return outermost<kFrom>(from.*kTo);
  const VmaLinks* node = &from;
  while (node->parent != nullptr && node->parent->*kTo == node) node = node->parent;
  return node->parent;
}

}  // namespace

Vma* AvlVmaIndex::find(VirtAddr address) const {
  if (Vma* const seen = last_found_.look(address)) return seen;
  Node* found = nullptr;
  for (Node* node = root_; node != nullptr;) {
    const bool above = vma_of(*node).end() > address;
    found = above ? node : found;
    node = above ? node->left : node->right;
  }
  if (found != nullptr) last_found_.remember(vma_of(found));
  return vma_of(found);
}

Vma* AvlVmaIndex::first() const { return vma_of(outermost<&Node::left>(root_)); }
Vma* AvlVmaIndex::last() const { return vma_of(outermost<&Node::right>(root_)); }
Vma* AvlVmaIndex::next(const Vma& vma) const {
  return vma_of(step<&Node::right, &Node::left>(vma));
}
Vma* AvlVmaIndex::previous(const Vma& vma) const {
  return vma_of(step<&Node::left, &Node::right>(vma));
}

AvlVmaIndex::Node*& AvlVmaIndex::link_to(const Node& node) {
  if (node.parent == nullptr) return root_;
  return node.parent->left == &node ? node.parent->left : node.parent->right;
}

template <VmaLinks* VmaLinks::* kFrom, VmaLinks* VmaLinks::* kTo>
AvlVmaIndex::Node* AvlVmaIndex::rotate(Node& node) {
  Node* const up = node.*kFrom;
  link_to(node) = up;
  up->parent = node.parent;
  node.*kFrom = up->*kTo;
  if (node.*kFrom != nullptr) (node.*kFrom)->parent = &node;
  up->*kTo = &node;
  node.parent = up;
  refresh(node);
  refresh(*up);
  return up;
}

/// The root of the subtree afterwards.
AvlVmaIndex::Node* AvlVmaIndex::rebalance(Node& node) {
  constexpr auto kLeft = &Node::left, kRight = &Node::right;
  const unsigned left = height(node.left), right = height(node.right);
  if (left > right + 1) {
    if (height(node.left->left) < height(node.left->right)) rotate<kRight, kLeft>(*node.left);
    return rotate<kLeft, kRight>(node);
  }
  if (right > left + 1) {
    if (height(node.right->right) < height(node.right->left)) rotate<kLeft, kRight>(*node.right);
    return rotate<kRight, kLeft>(node);
  }
  return &node;
}

void AvlVmaIndex::retrace(Node* node, const Node* changed) {
  while (node != nullptr) {
    if (node == changed) changed = nullptr;
    const unsigned old_height = node->balance;
    const LargestGaps old_largest = node->largest;
    refresh(*node);
    node = rebalance(*node);
    const bool same = node->balance == old_height && node->largest == old_largest;
    if (same && changed == nullptr) return;
    node = node->parent;
  }
}

/// The gap below `vma` may have changed.
void AvlVmaIndex::remeasure(Vma& vma) {
  const Vma* below = previous(vma);
  const std::uint64_t gap = vma.start() - (below != nullptr ? below->end() : VirtAddr(0));
  if (vma.gap == gap >> kPageShift) return;
  vma.gap = gap >> kPageShift;
  retrace(&vma, nullptr);
}

void AvlVmaIndex::insert(Vma& vma) {
  GONZO_ASSERT(!vma.range().empty());
  Node** link = &root_;
  Node *parent = nullptr, *below = nullptr, *above = nullptr;
  while (*link != nullptr) {
    parent = *link;
    if (vma_of(*parent).end() > vma.start()) {
      above = parent;
      link = &parent->left;
    } else {
      below = parent;
      link = &parent->right;
    }
  }
  GONZO_ASSERT(above == nullptr || vma.end() <= vma_of(*above).start());
  const VirtAddr floor = below != nullptr ? vma_of(*below).end() : VirtAddr(0);
  *link = &vma;
  vma.parent = parent;
  vma.left = vma.right = nullptr;
  vma.balance = 0;  // so that retrace() finds a change
  vma.gap = (vma.start() - floor) >> kPageShift;
  vma.largest = {};
  ++size_;
  retrace(&vma, nullptr);
  if (above != nullptr) remeasure(*vma_of(above));
}

void AvlVmaIndex::erase(Vma& vma) {
  Vma* const above = next(vma);
  unlink(vma);
  --size_;
  last_found_.forget(vma);
  if (above != nullptr) remeasure(*above);
}

/// With two children, its successor takes its place.
void AvlVmaIndex::unlink(Vma& vma) {
  if (vma.left == nullptr || vma.right == nullptr) {
    Node* const child = vma.left != nullptr ? vma.left : vma.right;
    link_to(vma) = child;
    if (child != nullptr) child->parent = vma.parent;
    retrace(vma.parent, nullptr);
    return;
  }
  Node* const heir = outermost<&Node::left>(vma.right);
  Node* lowest = heir;  // where the tree has changed
  if (heir != vma.right) {
    lowest = heir->parent;
    heir->parent->left = heir->right;
    if (heir->right != nullptr) heir->right->parent = heir->parent;
    heir->right = vma.right;
    heir->right->parent = heir;
  }
  link_to(vma) = heir;
  heir->parent = vma.parent;
  heir->left = vma.left;
  heir->left->parent = heir;
  heir->balance = vma.balance;
  heir->largest = vma.largest;
  retrace(lowest, heir);
}

void AvlVmaIndex::resize(Vma& vma, AddressRange range) {
  Vma* const above = next(vma);
  GONZO_ASSERT(!range.empty());
  GONZO_ASSERT(previous(vma) == nullptr || previous(vma)->end() <= range.start);
  GONZO_ASSERT(above == nullptr || range.end <= above->start());
  vma.set_range(range);
  remeasure(vma);
  if (above != nullptr) remeasure(*above);
}

}  // namespace gonzo
