#include "vma/red_black_index.h"
#include <gonzo/base/check.h>
#include <gonzo/vma/vma_index.h>

namespace gonzo {

std::unique_ptr<VmaIndex> make_vma_index(VmaIndexKind kind) {
  switch (kind) {
    case VmaIndexKind::kRedBlackTree:
      return std::make_unique<RedBlackVmaIndex>();
  }
  GONZO_CHECK(!"an unknown kind of index");
}

}  // namespace gonzo
