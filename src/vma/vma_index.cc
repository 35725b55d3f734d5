#include "vma/avl_index.h"
#include "vma/btree_index.h"
#include "vma/red_black_index.h"
#include <gonzo/base/check.h>
#include <gonzo/vma/vma_index.h>

namespace gonzo {

std::string_view name_of(VmaIndexKind kind) {
  switch (kind) {
    case VmaIndexKind::kRedBlackTree:
      return "rbtree";
    case VmaIndexKind::kAvlTree:
      return "avl";
    case VmaIndexKind::kBTree:
      return "btree";
  }
  GONZO_CHECK(!"an unknown kind of index");
}

std::optional<VmaIndexKind> parse_vma_index(std::string_view name) {
  for (const VmaIndexKind kind : kVmaIndexKinds) {
    if (name == name_of(kind)) return kind;
  }
  return std::nullopt;
}

std::unique_ptr<VmaIndex> make_vma_index(VmaIndexKind kind) {
  switch (kind) {
    case VmaIndexKind::kRedBlackTree:
      return std::make_unique<RedBlackVmaIndex>();
    case VmaIndexKind::kAvlTree:
      return std::make_unique<AvlVmaIndex>();
    case VmaIndexKind::kBTree:
      return std::make_unique<BTreeVmaIndex>();
  }
  GONZO_CHECK(!"an unknown kind of index");
}

}  // namespace gonzo
