#include <gonzo/vma/memory_policy.h>

namespace gonzo {

bool same_policy(const MemoryPolicyRef& a, const MemoryPolicyRef& b) {
  if (a == b) return true;
  if (a == nullptr || b == nullptr) return false;
  return a->mode == b->mode && a->flags == b->flags && a->home_node == b->home_node &&
         a->nodes == b->nodes && a->user_nodes == b->user_nodes;
}

}  // namespace gonzo
