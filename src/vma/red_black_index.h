// Linux 2.6's structure: a list in address order and a red-black tree over the same areas.
#pragma once

#include <boost/intrusive/set.hpp>
#include <string>

#include "vma/area_list.h"
#include "vma/found_hint.h"
#include "vma/gap_cache.h"
#include <gonzo/base/lock.h>
#include <gonzo/vma/vma_index.h>

namespace gonzo {

class RedBlackVmaIndex final : public VmaIndex {
 public:
  RedBlackVmaIndex() = default;

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

  std::size_t bytes() const override;
  std::string verify() const override;

 private:
  /// Boost's algorithms on VmaLinks.
  struct NodeTraits {
    using node = VmaLinks;
    using node_ptr = VmaLinks*;
    using const_node_ptr = const VmaLinks*;
    enum color : std::uint8_t { kRed, kBlack };
    static node_ptr get_parent(const_node_ptr n) { return n->parent; }
    static void set_parent(node_ptr n, node_ptr parent) { n->parent = parent; }
    static node_ptr get_left(const_node_ptr n) { return n->left; }
    static void set_left(node_ptr n, node_ptr left) { n->left = left; }
    static node_ptr get_right(const_node_ptr n) { return n->right; }
    static void set_right(node_ptr n, node_ptr right) { n->right = right; }
    static color get_color(const_node_ptr n) { return n->balance == kRed ? kRed : kBlack; }
    static void set_color(node_ptr n, color c) { n->balance = c; }
    static color black() { return kBlack; }
    static color red() { return kRed; }
  };
  struct ValueTraits {
    using node_traits = NodeTraits;
    using node_ptr = VmaLinks*;
    using const_node_ptr = const VmaLinks*;
    using value_type = Vma;
    using pointer = Vma*;
    using const_pointer = const Vma*;
    static constexpr auto link_mode = boost::intrusive::normal_link;
    static node_ptr to_node_ptr(Vma& vma) { return &vma; }
    static const_node_ptr to_node_ptr(const Vma& vma) { return &vma; }
    static pointer to_value_ptr(node_ptr n) { return static_cast<Vma*>(n); }
    static const_pointer to_value_ptr(const_node_ptr n) { return static_cast<const Vma*>(n); }
  };
  /// Areas do not overlap, so their ends order them as their starts do; find() asks for ends.
  struct EndOf {
    using type = VirtAddr;
    VirtAddr operator()(const Vma& vma) const { return vma.end(); }
  };
  using Tree = boost::intrusive::set<Vma, boost::intrusive::value_traits<ValueTraits>,
                                     boost::intrusive::key_of_value<EndOf>,
                                     boost::intrusive::constant_time_size<false>>;

  /// What a downward scan saw.
  struct Scan {
    std::optional<VirtAddr> gap_end;    ///< of the first gap that fits
    std::uint64_t largest_skipped = 0;  ///< bytes, of the gaps above that one
  };
  Scan scan_down(const GapRequest& request, VirtAddr from) const;
  /// Tells the gap cache that the gap between these neighbours (null: none) may have grown.
  void gap_changed(const Vma* below, const Vma* above);
  std::string verify_gap_cache() const;

  AreaList list_;
  Tree tree_;
  std::size_t size_ = 0;
  mutable FoundHint last_found_;
  mutable SpinLock gap_lock_;
  mutable GapCache gap_cache_ GONZO_GUARDED_BY(gap_lock_);
};

}  // namespace gonzo
