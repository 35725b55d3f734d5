#include "syscall/file_owner.h"

#include <fcntl.h>

#include <climits>

#include "kernel/process_table.h"

namespace gonzo {

namespace {

/// Linux: find_vpid, which finds processes, threads and groups.
bool is_known(const ProcessTable& processes, int number) {
  return processes.find(number) != nullptr || processes.find_task(number) != nullptr ||
         !processes.group(number).empty();
}

bool is_alive(const ProcessTable& processes, const FileOwner& owner) {
  switch (owner.type) {
    case F_OWNER_TID:
      return processes.find_task(owner.number) != nullptr;
    case F_OWNER_PID:
      return processes.find(owner.number) != nullptr;
    default:
      return !processes.group(owner.number).empty();
  }
}

std::int64_t set_owner(Call& call, OpenFile& file, FileOwner owner) {
  if (owner.number != 0 && !is_known(call.processes(), owner.number)) return -ESRCH;
  file.set_owner(owner);
  return 0;
}

FileOwner live_owner(Call& call, const OpenFile& file) {
  FileOwner owner = file.owner();
  if (!is_alive(call.processes(), owner)) owner.number = 0;
  return owner;
}

}  // namespace

std::optional<std::int64_t> file_owner_call(Call& call, OpenFile& file) {
  switch (call.integer(1)) {
    case F_SETOWN: {
      const int who = call.integer(2);
      if (who == INT_MIN) return -EINVAL;
      return set_owner(call, file,
                       who < 0 ? FileOwner{F_OWNER_PGRP, -who} : FileOwner{F_OWNER_PID, who});
    }
    case F_GETOWN: {
      const FileOwner owner = live_owner(call, file);
      return owner.type == F_OWNER_PGRP ? -owner.number : owner.number;
    }
    case F_SETOWN_EX: {
      const auto owner = call.memory().load<FileOwner>(call.address(2));
      if (!owner) return raw(owner.error());
      if (owner->type < F_OWNER_TID || owner->type > F_OWNER_PGRP) return -EINVAL;
      return set_owner(call, file, *owner);
    }
    case F_GETOWN_EX:
      return raw(call.memory().store(call.address(2), live_owner(call, file)));
    default:
      return {};
  }
}

}  // namespace gonzo
