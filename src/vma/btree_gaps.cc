// Gap search in the B-tree. Linux: mas_empty_area_rev, mas_empty_area. Starts of areas come from
// the end of the one below and the gap between, so no area is touched.
#include "vma/btree_index.h"
#include "vma/gap_fit.h"
#include <gonzo/base/check.h>

namespace gonzo {
namespace {

/// Where the first gap of a slot's subtree starts.
VirtAddr floor_of(const btree::Node& node, unsigned slot, VirtAddr floor) {
  return slot > 0 ? VirtAddr(node.ends[slot - 1]) : floor;
}

AddressRange free_below(const GapRequest& request, VirtAddr floor, btree::Gap gap) {
  return usable(request, floor, floor + gap.bytes(), gap.is_guarded());
}

}  // namespace

/// The end of the highest gap that fits. Only children at the request's bounds can promise a gap
/// and have none, so two paths at most are gone in vain. `height`: 1 for a leaf.
std::optional<VirtAddr> BTreeVmaIndex::search_down(const Node* node, unsigned height,
                                                   VirtAddr floor,
                                                   const GapRequest& request) const {
  for (unsigned slot = node->count; slot-- > 0;) {
    const VirtAddr start = floor_of(*node, slot, floor);
    if (height == 1) {
      const Leaf& leaf = *static_cast<const Leaf*>(node);
      const AddressRange free = free_below(request, start, leaf.gaps[slot]);
      if (fits(request, free)) return free.end;
    } else {
      const Inner& inner = *static_cast<const Inner*>(node);
      if (start < request.high && may_fit(inner.largest[slot], request)) {
        const auto found = search_down(inner.children[slot], height - 1, start, request);
        if (found) return found;
      }
    }
    if (start <= request.low) break;
  }
  return std::nullopt;
}

/// The start of the lowest gap that fits.
std::optional<VirtAddr> BTreeVmaIndex::search_up(const Node* node, unsigned height, VirtAddr floor,
                                                 const GapRequest& request) const {
  for (unsigned slot = 0; slot < node->count; ++slot) {
    const VirtAddr start = floor_of(*node, slot, floor);
    if (height == 1) {
      const Leaf& leaf = *static_cast<const Leaf*>(node);
      const AddressRange free = free_below(request, start, leaf.gaps[slot]);
      if (fits(request, free)) return free.start;
    } else {
      const Inner& inner = *static_cast<const Inner*>(node);
      if (VirtAddr(inner.ends[slot]) > request.low && may_fit(inner.largest[slot], request)) {
        const auto found = search_up(inner.children[slot], height - 1, start, request);
        if (found) return found;
      }
    }
    if (start >= request.high) break;
  }
  return std::nullopt;
}

std::optional<VirtAddr> BTreeVmaIndex::find_gap_top_down(const GapRequest& request) const {
  GONZO_ASSERT(request.size != 0);
  const AddressRange above_all = usable(request, top(), request.high, false);
  if (fits(request, above_all)) return above_all.end - request.size;
  if (root_ == nullptr) return std::nullopt;
  const auto found = search_down(root_, levels_, VirtAddr(0), request);
  if (!found) return std::nullopt;
  return *found - request.size;
}

std::optional<VirtAddr> BTreeVmaIndex::find_gap_bottom_up(const GapRequest& request) const {
  GONZO_ASSERT(request.size != 0);
  if (root_ != nullptr) {
    if (const auto found = search_up(root_, levels_, VirtAddr(0), request)) return found;
  }
  const AddressRange above_all = usable(request, top(), request.high, false);
  if (fits(request, above_all)) return above_all.start;
  return std::nullopt;
}

}  // namespace gonzo
