#include "kernel/ipc_permissions.h"

#include <unistd.h>

#include <algorithm>

namespace gonzo {

IpcCaller IpcCaller::current(int pid, std::uint64_t locked_bytes_limit) {
  IpcCaller caller{.pid = pid,
                   .user = geteuid(),
                   .group = getegid(),
                   .groups = {},
                   .privilege = geteuid() == 0 ? IpcPrivilege::kAll : IpcPrivilege::kNone,
                   .locked_bytes_limit = locked_bytes_limit};
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
  if ((requested & ~granted & 07) == 0 || caller.is_privileged()) return {};
  return fail(Errno::kAcces);
}

Result<void> IpcPermissions::check_owner(const IpcCaller& caller) const {
  if (is_owned_by(caller) || caller.is_privileged()) return {};
  return fail(Errno::kPerm);
}

}  // namespace gonzo
