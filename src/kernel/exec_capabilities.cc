#include "kernel/exec_capabilities.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>

namespace gonzo {
namespace {

using Words = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

/// Of the capabilities in `set`, whose lowest is `first`, those that `is_held` says so of.
template <typename Predicate>
std::uint32_t those_of(std::uint32_t set, unsigned first, Predicate is_held) {
  std::uint32_t result = 0;
  for (unsigned i = 0; i < 32; ++i) {
    if ((set >> i & 1) != 0 && is_held(first + i)) result |= 1U << i;
  }
  return result;
}

bool is_ambient(unsigned capability) {
  return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) == 1;
}
bool is_bounding(unsigned capability) { return prctl(PR_CAPBSET_READ, capability) == 1; }

}  // namespace

bool leave_capabilities_at_exec() {
  prctl(PR_SET_KEEPCAPS, 0);
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  Words words{};
  if (syscall(SYS_capget, &header, words.data()) != 0) return false;
  const bool has_root = (prctl(PR_GET_SECUREBITS) & SECBIT_NOROOT) == 0;
  const bool is_root = has_root && (geteuid() == 0 || getuid() == 0);
  bool changes = false;
  for (unsigned i = 0; i < words.size(); ++i) {
    __user_cap_data_struct& word = words[i];
    const __user_cap_data_struct before = word;
    word.permitted = those_of(before.permitted, 32 * i, is_ambient);
    word.effective = word.permitted;
    if (is_root) {
      word.permitted |= before.permitted & before.inheritable;
      word.permitted |= those_of(before.permitted, 32 * i, is_bounding);
      if (geteuid() == 0) word.effective = word.permitted;
    }
    changes = changes || word.permitted != before.permitted || word.effective != before.effective;
  }
  return changes && syscall(SYS_capset, &header, words.data()) == 0;
}

}  // namespace gonzo
