// The Windows kernel's structure for its VADs, an AVL tree, with the largest gap below each node as
// Linux 3.8 to 6.0 kept it in its red-black tree (rb_subtree_gap).
#pragma once

#include <string>

#include "vma/found_hint.h"
#include <gonzo/vma/vma_index.h>

namespace gonzo {

/// No list: neighbours are found in the tree, O(1) on average over a walk, O(log n) at worst.
class AvlVmaIndex final : public VmaIndex {
 public:
  Vma* find(VirtAddr address) const override;
  Vma* first() const override;
  Vma* last() const override;
  Vma* next(const Vma& vma) const override;
  Vma* previous(const Vma& vma) const override;
  std::size_t size() const override { return size_; }

  Result<void> reserve(std::size_t) override { return {}; }
  void insert(Vma& vma) override;
  void erase(Vma& vma) override;
  void resize(Vma& vma, AddressRange range) override;

  std::optional<VirtAddr> find_gap_top_down(const GapRequest& request) const override;
  std::optional<VirtAddr> find_gap_bottom_up(const GapRequest& request) const override;

  std::size_t bytes() const override { return sizeof *this + size_ * sizeof(VmaLinks); }
  std::string verify() const override;

 private:
  using Node = VmaLinks;

  /// What a subtree is found to be by verify().
  struct Census;

  /// The pointer in the parent (or the root) that leads to `node`.
  Node*& link_to(const Node& node);
  /// The child on the side kFrom takes the node's place, the node goes to the side kTo.
  template <VmaLinks* VmaLinks::* kFrom, VmaLinks* VmaLinks::* kTo>
  Node* rotate(Node& node);
  Node* rebalance(Node& node);
  /// Repairs heights, balance and gaps from `node` up; it may stop where nothing changes, but not
  /// before `changed` (null: anywhere).
  void retrace(Node* node, const Node* changed);
  void remeasure(Vma& vma);
  void unlink(Vma& vma);

  std::optional<VirtAddr> search_down(const Node* node, const GapRequest& request) const;
  std::optional<VirtAddr> search_up(const Node* node, const GapRequest& request) const;
  std::string verify_subtree(const Node& node, Census& census) const;

  Node* root_ = nullptr;
  std::size_t size_ = 0;
  mutable FoundHint last_found_;
};

}  // namespace gonzo
