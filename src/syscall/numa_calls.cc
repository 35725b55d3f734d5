// Memory policies and page placement on a machine with one node, node 0.
// Linux: mm/mempolicy.c, mm/migrate.c. With CONFIG_NODES_SHIFT=6, x86-64's default.
#include <linux/capability.h>
#include <linux/mempolicy.h>

#include <array>

#include "kernel/privilege.h"
#include "syscall/handlers.h"

namespace gonzo {

namespace {

constexpr std::uint64_t kOnlyNode = 1;
constexpr std::uint64_t kMostNodes = 64;  // MAX_NUMNODES
constexpr int kPreferredMany = 5, kWeighted = 6, kModes = 7;
constexpr int kNumaBalancing = 1 << 13;  // MPOL_F_NUMA_BALANCING
constexpr int kModeFlags = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES | kNumaBalancing;

bool is_privileged() { return has_capability(CAP_SYS_NICE); }

bool is_self(const Call& call, unsigned index) {
  const int pid = call.integer(index);
  return pid == 0 || pid == call.process().pid() || pid == call.task.tid();
}

struct Mode {
  int mode = 0, flags = 0;
};

/// Linux: sanitize_mpol_flags. EINVAL.
Result<Mode> check_mode(int value) {
  const Mode mode{.mode = value & ~kModeFlags, .flags = value & kModeFlags};
  constexpr int kBoth = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES;
  if (mode.mode < 0 || mode.mode >= kModes || (mode.flags & kBoth) == kBoth) {
    return fail(Errno::kInval);
  }
  const bool balances = mode.mode == MPOL_BIND || mode.mode == kPreferredMany;
  if ((mode.flags & kNumaBalancing) != 0 && !balances) return fail(Errno::kInval);
  return mode;
}

/// A guest's mask of `bits` - 1 nodes (Linux: get_nodes). EINVAL: too long, or with a node that
/// cannot be; EFAULT.
Result<std::uint64_t> load_nodes(Call& call, VirtAddr mask, std::uint64_t bits) {
  --bits;
  if (bits == 0 || mask == VirtAddr()) return std::uint64_t{0};
  if (bits > kPageSize * 8) return fail(Errno::kInval);
  while (bits > kMostNodes) {
    const std::uint64_t word = (bits - 1) / 64;
    GONZO_ASSIGN(std::uint64_t beyond, call.memory().load<std::uint64_t>(mask + word * 8));
    if (bits % 64 != 0) beyond &= (1ULL << (bits % 64)) - 1;
    if (beyond != 0) return fail(Errno::kInval);
    bits = word * 64;
  }
  GONZO_ASSIGN(const std::uint64_t nodes, call.memory().load<std::uint64_t>(mask));
  return bits == 64 ? nodes : nodes & ((1ULL << bits) - 1);
}

/// Linux: mpol_new, mpol_set_nodemask. Null for MPOL_DEFAULT. EINVAL.
Result<MemoryPolicyRef> make_policy(Mode mode, std::uint64_t nodes) {
  constexpr int kKeepsMask = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES;
  const bool keeps = (mode.flags & kKeepsMask) != 0;
  if (mode.mode == MPOL_DEFAULT) {
    if (nodes != 0) return fail(Errno::kInval);
    return MemoryPolicyRef();
  }
  if (mode.mode == MPOL_PREFERRED && nodes == 0) {
    if (keeps) return fail(Errno::kInval);
    mode.mode = MPOL_LOCAL;
  } else if (mode.mode == MPOL_LOCAL) {
    if (nodes != 0 || keeps) return fail(Errno::kInval);
  } else if (nodes == 0) {
    return fail(Errno::kInval);
  }
  // Relative numbers are folded onto the nodes there are: any becomes node 0.
  const bool relative = (mode.flags & MPOL_F_RELATIVE_NODES) != 0;
  const std::uint64_t usable = relative && nodes != 0 ? kOnlyNode : nodes & kOnlyNode;
  if (mode.mode != MPOL_LOCAL && usable == 0) return fail(Errno::kInval);
  auto* const policy = new MemoryPolicy;
  MemoryPolicyRef made(policy);
  policy->mode = mode.mode;
  policy->flags = mode.flags;
  policy->nodes = usable;
  policy->user_nodes = keeps ? nodes : usable;
  return made;
}

struct PolicyAnswer {
  int mode = 0;
  std::uint64_t nodes = 0;
};

/// Linux: do_get_mempolicy. EINVAL; EFAULT: nothing mapped, or no page to be had there.
Result<PolicyAnswer> ask_policy(Call& call, VirtAddr address, unsigned flags) {
  if ((flags & ~unsigned{MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED}) != 0) {
    return fail(Errno::kInval);
  }
  if ((flags & MPOL_F_MEMS_ALLOWED) != 0) {
    if ((flags & (MPOL_F_NODE | MPOL_F_ADDR)) != 0) return fail(Errno::kInval);
    return PolicyAnswer{.nodes = kOnlyNode};
  }
  MemoryPolicyRef policy = call.task.memory_policy;
  if ((flags & MPOL_F_ADDR) != 0) {
    GONZO_ASSIGN(const auto area, call.memory().area_at(address));
    policy = area.attributes.policy;
  } else if (address != VirtAddr()) {
    return fail(Errno::kInval);
  }
  PolicyAnswer answer;
  if (policy != nullptr) {
    answer = {.mode = policy->mode | policy->flags, .nodes = policy->user_nodes};
  }
  if ((flags & MPOL_F_NODE) == 0) return answer;
  if ((flags & MPOL_F_ADDR) != 0) {
    std::array<std::byte, 1> touched;
    GONZO_TRY(call.memory().copy_in(touched, address));
  } else if (policy == nullptr || (policy->mode != MPOL_INTERLEAVE && policy->mode != kWeighted)) {
    return fail(Errno::kInval);
  }
  answer.mode = 0;  // the node, or the next one
  return answer;
}

/// Linux: copy_nodes_to_user. EINVAL: absurdly long; EFAULT.
Result<void> store_nodes(Call& call, VirtAddr mask, std::uint64_t bits, std::uint64_t nodes) {
  const std::uint64_t bytes = ((bits - 1 + 63) & ~63ULL) / 8;
  if (bytes > sizeof nodes) {
    if (bytes > kPageSize) return fail(Errno::kInval);
    GONZO_TRY(call.memory().clear(mask + sizeof nodes, bytes - sizeof nodes));
  }
  if (bytes == 0) return {};
  return call.memory().store(mask, nodes);
}

std::int64_t store_status(Call& call, std::uint64_t index, int status) {
  return raw(call.memory().store(call.address(4) + index * sizeof status, status));
}

/// Where one page is: its node, or -errno.
int status_of(Call& call, VirtAddr page) {
  const auto frame = call.memory().frame_at(page);
  return frame ? 0 : static_cast<int>(raw(frame.error()));
}

/// Every page is where it can only be, so that none moves. ENODEV: a node that there is not.
std::int64_t move_one(Call& call, std::uint64_t index, VirtAddr page) {
  if (!call.is_null(3)) {
    const auto node = call.memory().load<int>(call.address(3) + index * sizeof(int));
    if (!node) return raw(node.error());
    if (*node != 0) return -ENODEV;
  }
  return store_status(call, index, status_of(call, page));
}

}  // namespace

std::int64_t sys_set_mempolicy(Call& call) {
  const auto mode = check_mode(call.integer(0));
  if (!mode) return raw(mode.error());
  const auto nodes = load_nodes(call, call.address(1), call[2]);
  if (!nodes) return raw(nodes.error());
  const auto policy = make_policy(*mode, *nodes);
  if (!policy) return raw(policy.error());
  call.task.memory_policy = *policy;
  return 0;
}

std::int64_t sys_get_mempolicy(Call& call) {
  if (!call.is_null(1) && call[2] < 1) return -EINVAL;
  const auto answer = ask_policy(call, call.address(3), call.word(4));
  if (!answer) return raw(answer.error());
  if (!call.is_null(0)) {
    if (auto stored = call.memory().store(call.address(0), answer->mode); !stored) {
      return raw(stored.error());
    }
  }
  return call.is_null(1) ? 0 : raw(store_nodes(call, call.address(1), call[2], answer->nodes));
}

/// In Linux's order: the mode, the mask, the flags, the range, the policy, the areas.
std::int64_t sys_mbind(Call& call) {
  const auto mode = check_mode(call.integer(2));
  if (!mode) return raw(mode.error());
  const auto nodes = load_nodes(call, call.address(3), call[4]);
  if (!nodes) return raw(nodes.error());
  const unsigned flags = call.word(5);
  if ((flags & ~unsigned{MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL}) != 0) return -EINVAL;
  if ((flags & MPOL_MF_MOVE_ALL) != 0 && !is_privileged()) return -EPERM;
  const VirtAddr start = call.address(0);
  const std::uint64_t length = page_ceil(call[1]);
  if (!start.is_page_aligned() || start + length < start) return -EINVAL;
  if (length == 0) return 0;
  const auto policy = make_policy(*mode, *nodes);
  if (!policy) return raw(policy.error());
  using Holes = AddressSpace::Holes;
  return raw(call.memory().set_policy(start, length, *policy,
                                      *policy == nullptr ? Holes::kSkip : Holes::kRefuse));
}

std::int64_t sys_set_mempolicy_home_node(Call& call) {
  const VirtAddr start = call.address(0);
  const std::uint64_t length = page_ceil(call[1]);
  if (!start.is_page_aligned() || call[3] != 0 || call[2] != 0) return -EINVAL;
  if (start + length < start) return -EINVAL;
  if (length == 0) return 0;
  return raw(call.memory().set_home_node(start, length, 0));
}

/// With one node there is nowhere to go.
std::int64_t sys_migrate_pages(Call& call) {
  const auto from = load_nodes(call, call.address(2), call[1]);
  if (!from) return raw(from.error());
  const auto to = load_nodes(call, call.address(3), call[1]);
  if (!to) return raw(to.error());
  if (!is_self(call, 0)) return -ESRCH;
  if ((*to & ~kOnlyNode) != 0 && !is_privileged()) return -EPERM;
  return (*to & kOnlyNode) != 0 ? 0 : -EINVAL;
}

std::int64_t sys_move_pages(Call& call) {
  const int flags = call.integer(5);
  if ((flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) != 0) return -EINVAL;
  if ((flags & MPOL_MF_MOVE_ALL) != 0 && !is_privileged()) return -EPERM;
  if (!is_self(call, 0)) return -ESRCH;
  for (std::uint64_t i = 0; i < call[1]; ++i) {
    const auto page = call.memory().load<std::uint64_t>(call.address(2) + i * 8);
    if (!page) return raw(page.error());
    if (const std::int64_t failed = move_one(call, i, VirtAddr(*page)); failed != 0) return failed;
  }
  return 0;
}

}  // namespace gonzo
