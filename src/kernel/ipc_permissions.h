// Who may do what with an object of System V IPC. Linux: struct kern_ipc_perm, ipcperms
// (ipc/util.c).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include <gonzo/base/result.h>
#include <gonzo/frame/commit_ledger.h>

namespace gonzo {

/// The capabilities that matter.
struct IpcPrivileges {
  bool any_object = false;  ///< CAP_IPC_OWNER: uses what others keep to themselves
  bool any_owner = false;   ///< CAP_SYS_ADMIN: changes and removes what others own
  bool any_lock = false;    ///< CAP_IPC_LOCK: locks as much as there is
};

/// Who makes a call of System V IPC.
struct IpcCaller {
  int pid = 0;
  uid_t user = 0;  ///< effective
  gid_t group = 0;
  std::vector<gid_t> groups;
  IpcPrivileges may_use;
  std::uint64_t locked_bytes_limit = ~0ULL;  ///< RLIMIT_MEMLOCK
  CommitClaimant claimant;

  /// The runner's own credentials, which are the guest's.
  static IpcCaller current(int pid, std::uint64_t locked_bytes_limit,
                           std::uint64_t address_space_pages);
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
