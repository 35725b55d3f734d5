#include "kernel/proc_sysvipc.h"

#include <fmt/format.h>

#include <iterator>

#include "kernel/shm_namespace.h"

namespace gonzo {

std::string proc_sysvipc_shm(System& system) {
  std::string text =
      "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid"
      "      atime      dtime      ctime                   rss                  swap\n";
  for (const ShmStatus& status : system.shared_memory().list()) {
    const IpcPermissions& permissions = status.permissions;
    fmt::format_to(std::back_inserter(text),
                   "{:10} {:10}  {:4o} {:21} {:5} {:5}  {:5} {:5} {:5} {:5} {:5} {:10} {:10} {:10} "
                   "{:21} {:21}\n",
                   permissions.key, status.id, permissions.mode, status.bytes, status.creator_pid,
                   status.last_pid, status.attachments, permissions.user, permissions.group,
                   permissions.creator_user, permissions.creator_group, status.attached_at,
                   status.detached_at, status.changed_at, status.resident_pages * kPageSize,
                   status.swapped_pages * kPageSize);
  }
  return text;
}

}  // namespace gonzo
