// Who may do what with an object of System V IPC. Linux: struct kern_ipc_perm, ipcperms
// (ipc/util.c).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include <gonzo/base/result.h>

namespace gonzo {

enum class IpcPrivilege : std::uint8_t { kNone, kAll };

/// Who makes a call of System V IPC.
struct IpcCaller {
  int pid = 0;
  uid_t user = 0;  ///< effective
  gid_t group = 0;
  std::vector<gid_t> groups;
  IpcPrivilege privilege = IpcPrivilege::kNone;
  std::uint64_t locked_bytes_limit = ~0ULL;  ///< RLIMIT_MEMLOCK

  /// The runner's own credentials, which are the guest's.
  static IpcCaller current(int pid, std::uint64_t locked_bytes_limit);
  bool is_privileged() const { return privilege == IpcPrivilege::kAll; }
  bool is_in_group(gid_t wanted) const;
};

struct IpcPermissions {
  key_t key = 0;  ///< IPC_PRIVATE: nobody finds it by key
  uid_t user = 0, creator_user = 0;
  gid_t group = 0, creator_group = 0;
  std::uint16_t mode = 0;
  std::uint16_t sequence = 0;

  bool is_owned_by(const IpcCaller& caller) const {
    return caller.user == user || caller.user == creator_user;
  }
  /// `wanted`: permission bits at any of the three places. EACCES. (Linux: ipcperms.)
  Result<void> check_access(unsigned wanted, const IpcCaller& caller) const;
  /// For changing and removing. EPERM. (Linux: ipcctl_obtain_check.)
  Result<void> check_owner(const IpcCaller& caller) const;
};

}  // namespace gonzo
