// GONZO_VMA_INDEX=rbtree|avl|btree: the index that tests of whole address spaces use.
#pragma once

#include <cstdlib>

#include <gonzo/base/check.h>
#include <gonzo/vma/vma_index.h>

namespace gonzo {

inline VmaIndexKind vma_index_from_environment() {
  const char* name = std::getenv("GONZO_VMA_INDEX");
  if (name == nullptr) return kDefaultVmaIndex;
  const auto kind = parse_vma_index(name);
  GONZO_CHECK(kind.has_value());
  return *kind;
}

}  // namespace gonzo
