// Modern Linux's idea, the maple tree: wide nodes of a few cache lines, pivots beside pointers, and
// beside them the largest gap below each child. The areas of a leaf are found without touching
// them. (Documentation/core-api/maple_tree.rst. No copying for readers under RCU: ours hold the
// lock.)
#pragma once

#include <string>

#include "vma/area_list.h"
#include "vma/btree_node.h"
#include "vma/node_pool.h"
#include <gonzo/vma/vma_index.h>

namespace gonzo {

/// The neighbours of an area are in a list, as in the red-black index: a step of a walk costs no
/// descent.
class BTreeVmaIndex final : public VmaIndex {
 public:
  /// `most_leaves`: reserve() fails beyond.
  explicit BTreeVmaIndex(std::size_t most_leaves = ~std::size_t{0}) : leaves_(most_leaves) {}
  ~BTreeVmaIndex() override;

  Vma* find(VirtAddr address) const override;
  Vma* first() const override { return list_.first(); }
  Vma* last() const override { return list_.last(); }
  Vma* next(const Vma& vma) const override { return AreaList::next(vma); }
  Vma* previous(const Vma& vma) const override { return AreaList::previous(vma); }
  std::size_t size() const override { return size_; }

  Result<void> reserve(std::size_t inserts) override;
  void insert(Vma& vma) override;
  void erase(Vma& vma) override;
  void resize(Vma& vma, AddressRange range) override;

  std::optional<VirtAddr> find_gap_top_down(const GapRequest& request) const override;
  std::optional<VirtAddr> find_gap_bottom_up(const GapRequest& request) const override;

  std::size_t bytes() const override;
  std::string verify() const override;

 private:
  using Node = btree::Node;
  using Leaf = btree::Leaf;
  using Inner = btree::Inner;

  /// Enough for any number of areas: the fewest of an inner node are more than four.
  static constexpr unsigned kMostLevels = 24;

  /// The way from the root to a slot of a leaf.
  struct Path {
    struct Step {
      Inner* node;
      unsigned slot;
    };
    Step steps[kMostLevels];
    unsigned depth = 0;  ///< of the leaf: steps in use
    Leaf* leaf = nullptr;
    unsigned slot = 0;

    /// 0 is the root.
    Node* node_at(unsigned level) const {
      return level == depth ? static_cast<Node*>(leaf) : steps[level].node;
    }
  };

  /// To the first area that ends above `address`; behind the last one when there is none.
  Path descend(VirtAddr address) const;
  Path path_to(const Vma& vma) const;

  // btree_index.cc
  std::size_t leaves_needed(std::size_t inserts) const;
  std::size_t inners_needed(std::size_t inserts) const;
  /// Writes what a leaf has become into its ancestors.
  static void publish(const Path& path);
  static btree::Gap gap_below(const Vma& vma);
  void update_gap_above(const Path& path, Vma* above);
  void collapse(Node* node, unsigned levels);

  // btree_shape.cc: splits, shares and merges, none of which an ancestor beyond the parent can see.
  template <typename N>
  N* make_node();
  void free_node(Leaf& leaf);
  void free_node(Inner& inner);
  bool is_full(const Path& path, unsigned level) const;
  void make_room(const Path& path);
  void add_root();
  template <typename N>
  void relieve(Inner& parent, unsigned slot);
  template <typename N>
  void refill(Inner& parent, unsigned slot);
  void mend_underflow(const Path& path);

  // btree_gaps.cc
  std::optional<VirtAddr> search_down(const Node* node, unsigned height, VirtAddr floor,
                                      const GapRequest& request) const;
  std::optional<VirtAddr> search_up(const Node* node, unsigned height, VirtAddr floor,
                                    const GapRequest& request) const;
  /// The end of the last area.
  VirtAddr top() const {
    return root_ != nullptr ? VirtAddr(root_->ends[root_->count - 1]) : VirtAddr(0);
  }

  // btree_verify.cc
  struct Census;
  std::string verify_leaf(const Leaf& leaf, Census& census) const;
  std::string verify_inner(const Inner& inner, unsigned height, Census& census) const;

  Node* root_ = nullptr;
  unsigned levels_ = 0;  ///< 1: the root is a leaf
  std::size_t size_ = 0;
  std::size_t promised_ = 0;  ///< inserts that may come without another reserve()
  AreaList list_;
  btree::NodePool<Leaf> leaves_;
  btree::NodePool<Inner> inners_;
};

template <>
btree::Leaf* BTreeVmaIndex::make_node();
template <>
btree::Inner* BTreeVmaIndex::make_node();

}  // namespace gonzo
