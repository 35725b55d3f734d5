#include <fmt/format.h>

#include "vma/btree_index.h"
#include "vma/verify_area.h"

namespace gonzo {
namespace {

/// Fill, order of the ends, and that unused slots say so.
std::string verify_ends(const btree::Node& node, bool is_root) {
  const auto complain = [&](const char* what) {
    return fmt::format("node ending {:#x}: {}", node.ends[0], what);
  };
  if (node.count == 0 || node.count > btree::kSlots) return complain("has an impossible count");
  if (!is_root && node.count < btree::kFewest) return complain("has too few slots in use");
  for (unsigned i = 0; i <= btree::kSlots; ++i) {
    if (i >= node.count && node.ends[i] != btree::kNoEnd) return complain("has ends left over");
    if (i > 0 && i < node.count && node.ends[i - 1] >= node.ends[i]) {
      return complain("is not in order");
    }
  }
  return {};
}

}  // namespace

struct BTreeVmaIndex::Census {
  const Vma* previous = nullptr;
  std::size_t count = 0, leaves = 0, inners = 0;
};

std::string BTreeVmaIndex::verify_leaf(const Leaf& leaf, Census& census) const {
  ++census.leaves;
  if (std::string wrong = verify_ends(leaf, &leaf == root_); !wrong.empty()) return wrong;
  for (unsigned i = 0; i < leaf.count; ++i) {
    const Vma& vma = *leaf.areas[i];
    if (std::string wrong = verify_area(vma, census.previous); !wrong.empty()) return wrong;
    const auto complain = [&](const char* what) {
      return fmt::format("area {:#x}: {}", vma.start().value, what);
    };
    if (AreaList::previous(vma) != census.previous) return complain("the list differs");
    if (leaf.ends[i] != vma.end().value) return complain("its end in the leaf is wrong");
    if (leaf.gaps[i] != gap_below(vma)) return complain("its gap in the leaf is wrong");
    census.previous = &vma;
    ++census.count;
  }
  return {};
}

std::string BTreeVmaIndex::verify_inner(const Inner& inner, unsigned height, Census& census) const {
  ++census.inners;
  if (std::string wrong = verify_ends(inner, &inner == root_); !wrong.empty()) return wrong;
  if (&inner == root_ && inner.count < 2) return "the root has one child";
  for (unsigned i = 0; i < inner.count; ++i) {
    const Node& child = *inner.children[i];
    const bool leaf = height == 2;
    std::string wrong = leaf ? verify_leaf(static_cast<const Leaf&>(child), census)
                             : verify_inner(static_cast<const Inner&>(child), height - 1, census);
    if (!wrong.empty()) return wrong;
    const btree::Summary is = leaf ? static_cast<const Leaf&>(child).summary()
                                   : static_cast<const Inner&>(child).summary();
    if (is != btree::Summary{inner.ends[i], inner.largest[i]}) {
      return fmt::format("the child ending {:#x} is not what its parent says", is.end);
    }
  }
  return {};
}

std::string BTreeVmaIndex::verify() const {
  Census census;
  if ((root_ == nullptr) != (levels_ == 0)) return "an empty tree has levels";
  if (root_ != nullptr) {
    std::string wrong = levels_ == 1
                            ? verify_leaf(*static_cast<const Leaf*>(root_), census)
                            : verify_inner(*static_cast<const Inner*>(root_), levels_, census);
    if (!wrong.empty()) return wrong;
  }
  if (list_.last() != census.previous) return "the list goes on after the tree's last area";
  if (census.count != size_) return fmt::format("{} areas, counted {}", census.count, size_);
  if (leaves_.taken() != census.leaves || inners_.taken() != census.inners) {
    return fmt::format("{} leaves and {} inner nodes, the pools gave others", census.leaves,
                       census.inners);
  }
  return {};
}

}  // namespace gonzo
