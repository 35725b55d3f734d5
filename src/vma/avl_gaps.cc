// Gap search and verification of the AVL tree. Linux 3.8: unmapped_area_topdown, unmapped_area.
#include <fmt/format.h>

#include "vma/area_list.h"
#include "vma/avl_index.h"
#include "vma/gap_fit.h"
#include "vma/verify_area.h"
#include <gonzo/base/check.h>

namespace gonzo {
namespace {

VirtAddr gap_start(const VmaLinks& node) {
  return vma_of(node).start() - (std::uint64_t{node.gap} << kPageShift);
}

AddressRange free_below(const GapRequest& request, const VmaLinks& node) {
  const Vma& vma = vma_of(node);
  return usable(request, gap_start(node), vma.start(), vma.has(vm_flags::kGrowsDown));
}

}  // namespace

/// The end of the highest gap that fits in a subtree. Only nodes at the request's bounds can
/// promise a gap and have none, so two paths at most are gone in vain.
std::optional<VirtAddr> AvlVmaIndex::search_down(const Node* node,
                                                 const GapRequest& request) const {
  while (node != nullptr && may_fit(node->largest, request)) {
    if (vma_of(*node).end() < request.high) {
      if (const auto found = search_down(node->right, request)) return found;
    }
    const AddressRange free = free_below(request, *node);
    if (fits(request, free)) return free.end;
    if (gap_start(*node) <= request.low) return std::nullopt;
    node = node->left;
  }
  return std::nullopt;
}

/// The start of the lowest gap that fits in a subtree.
std::optional<VirtAddr> AvlVmaIndex::search_up(const Node* node, const GapRequest& request) const {
  while (node != nullptr && may_fit(node->largest, request)) {
    if (gap_start(*node) > request.low) {
      if (const auto found = search_up(node->left, request)) return found;
    }
    const AddressRange free = free_below(request, *node);
    if (fits(request, free)) return free.start;
    if (vma_of(*node).end() >= request.high) return std::nullopt;
    node = node->right;
  }
  return std::nullopt;
}

std::optional<VirtAddr> AvlVmaIndex::find_gap_top_down(const GapRequest& request) const {
  GONZO_ASSERT(request.size != 0);
  const Vma* top = last();
  const VirtAddr floor = top != nullptr ? top->end() : VirtAddr(0);
  const AddressRange above_all = usable(request, floor, request.high, false);
  if (fits(request, above_all)) return above_all.end - request.size;
  const auto found = search_down(root_, request);
  if (!found) return std::nullopt;
  return *found - request.size;
}

std::optional<VirtAddr> AvlVmaIndex::find_gap_bottom_up(const GapRequest& request) const {
  GONZO_ASSERT(request.size != 0);
  if (const auto found = search_up(root_, request)) return found;
  const Vma* top = last();
  const VirtAddr floor = top != nullptr ? top->end() : VirtAddr(0);
  const AddressRange above_all = usable(request, floor, request.high, false);
  if (fits(request, above_all)) return above_all.start;
  return std::nullopt;
}

struct AvlVmaIndex::Census {
  const Vma* previous = nullptr;  ///< of those seen so far, in order
  std::size_t count = 0;
  unsigned height = 0;
  LargestGaps largest{};
};

std::string AvlVmaIndex::verify_subtree(const Node& node, Census& census) const {
  const Vma& vma = vma_of(node);
  const auto complain = [&](const char* what) {
    return fmt::format("area {:#x}: {}", vma.start().value, what);
  };
  unsigned heights[2] = {0, 0};
  LargestGaps largest{};
  const auto see = [&](const LargestGaps& gaps) {
    largest.plain = std::max(largest.plain, gaps.plain);
    largest.guarded = std::max(largest.guarded, gaps.guarded);
  };
  for (const int side : {0, 1}) {
    const Node* child = side == 0 ? node.left : node.right;
    if (child != nullptr) {
      if (child->parent != &node) return complain("is not its child's parent");
      if (std::string wrong = verify_subtree(*child, census); !wrong.empty()) return wrong;
      heights[side] = census.height;
      see(census.largest);
    }
    if (side == 1) continue;
    if (std::string wrong = verify_area(vma, census.previous); !wrong.empty()) return wrong;
    const VirtAddr floor = census.previous != nullptr ? census.previous->end() : VirtAddr(0);
    if (gap_start(node) != floor) return complain("its gap is wrong");
    const std::uint64_t gap = vma.start() - floor;
    see(vma.has(vm_flags::kGrowsDown) ? LargestGaps{0, gap} : LargestGaps{gap, 0});
    census.previous = &vma;
    ++census.count;
  }
  census.height = 1 + std::max(heights[0], heights[1]);
  census.largest = largest;
  if (node.balance != census.height) return complain("its height is wrong");
  if (std::max(heights[0], heights[1]) - std::min(heights[0], heights[1]) > 1) {
    return complain("is out of balance");
  }
  if (node.largest != largest) return complain("its largest gaps are wrong");
  return {};
}

std::string AvlVmaIndex::verify() const {
  Census census;
  if (root_ != nullptr) {
    if (root_->parent != nullptr) return "the root has a parent";
    if (std::string wrong = verify_subtree(*root_, census); !wrong.empty()) return wrong;
  }
  if (census.count != size_) return fmt::format("{} areas, counted {}", census.count, size_);
  return {};
}

}  // namespace gonzo
