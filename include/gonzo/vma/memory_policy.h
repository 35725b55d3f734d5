// Which nodes memory shall come from. Linux: struct mempolicy (mm/mempolicy.c).
#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <cstdint>

namespace gonzo {

/// There is one node, so a policy decides nothing; but areas with different ones stay apart, and
/// get_mempolicy tells them. One word holds as many nodes as a kernel with CONFIG_NODES_SHIFT=6
/// knows.
struct MemoryPolicy : boost::intrusive_ref_counter<MemoryPolicy> {
  int mode = 0;                  ///< MPOL_*
  int flags = 0;                 ///< MPOL_F_STATIC_NODES and its like
  std::uint64_t nodes = 0;       ///< those that it comes to
  std::uint64_t user_nodes = 0;  ///< those that were asked for
  int home_node = -1;            ///< set_mempolicy_home_node; -1: none
};

using MemoryPolicyRef = boost::intrusive_ptr<const MemoryPolicy>;

/// Linux: mpol_equal.
bool same_policy(const MemoryPolicyRef& a, const MemoryPolicyRef& b);

}  // namespace gonzo
