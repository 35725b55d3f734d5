#include "kernel/ipc_permissions.h"

#include <linux/capability.h>
#include <unistd.h>

#include <algorithm>

#include "kernel/privilege.h"

namespace gonzo {

IpcCaller IpcCaller::current(int pid, std::uint64_t locked_bytes_limit,
                             std::uint64_t address_space_pages) {
  const bool is_admin = has_capability(CAP_SYS_ADMIN);
  IpcCaller caller{.pid = pid,
                   .user = geteuid(),
                   .group = getegid(),
                   .groups = {},
                   .may_use = {.any_object = has_capability(CAP_IPC_OWNER),
                               .any_owner = is_admin,
                               .any_lock = has_capability(CAP_IPC_LOCK)},
                   .locked_bytes_limit = locked_bytes_limit,
                   .claimant = {.total_pages = address_space_pages, .is_admin = is_admin}};
  const int count = getgroups(0, nullptr);
  if (count > 0) {
    caller.groups.resize(static_cast<std::size_t>(count));
    const int filled = getgroups(count, caller.groups.data());
    caller.groups.resize(static_cast<std::size_t>(std::max(filled, 0)));
  }
  return caller;
}

bool IpcCaller::is_in_group(gid_t wanted) const {
  return group == wanted || std::ranges::find(groups, wanted) != groups.end();
}

Result<void> IpcPermissions::check_access(unsigned wanted, const IpcCaller& caller) const {
  const unsigned requested = (wanted >> 6) | (wanted >> 3) | wanted;
  unsigned granted = mode;
  if (is_owned_by(caller)) {
    granted >>= 6;
  } else if (caller.is_in_group(creator_group) || caller.is_in_group(group)) {
    granted >>= 3;
  }
  if ((requested & ~granted & 07) == 0 || caller.may_use.any_object) return {};
  return fail(Errno::kAcces);
}

Result<void> IpcPermissions::check_owner(const IpcCaller& caller) const {
  if (is_owned_by(caller) || caller.may_use.any_owner) return {};
  return fail(Errno::kPerm);
}

}  // namespace gonzo
