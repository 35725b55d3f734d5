// Groups and sessions. Linux: kernel/sys.c; kernel/exit.c.
#include <algorithm>
#include <utility>

#include "kernel/process_table.h"

namespace gonzo {

/// Linux: ksys_setpgid.
Result<void> ProcessTable::set_group(int caller, int pid, int group) {
  const LockGuard guard(lock_);
  const Member* self = member(caller);
  Member* target = member(pid);
  if (self == nullptr || target == nullptr) return fail(Errno::kSrch);
  if (pid != caller) {
    if (target->parent != caller) return fail(Errno::kSrch);
    if (target->session != self->session) return fail(Errno::kPerm);
    if (target->has_executed) return fail(Errno::kAcces);
  }
  if (target->session == pid) return fail(Errno::kPerm);
  if (group != pid) {
    const auto is_there = [&](const auto& entry) {
      return entry.second.group == group && entry.second.session == self->session;
    };
    if (std::ranges::none_of(members_, is_there)) return fail(Errno::kPerm);
  }
  const int old = std::exchange(target->group, group);
  free_id(old);
  return {};
}

/// Linux: ksys_setsid.
Result<int> ProcessTable::new_session(int pid) {
  const LockGuard guard(lock_);
  const auto leads = [pid](const auto& entry) { return entry.second.group == pid; };
  if (std::ranges::any_of(members_, leads)) return fail(Errno::kPerm);
  Member* self = member(pid);
  if (self == nullptr) return fail(Errno::kSrch);
  const int group = std::exchange(self->group, pid);
  const int session = std::exchange(self->session, pid);
  self->terminal = 0;
  free_id(group);
  free_id(session);
  return pid;
}

void ProcessTable::note_exec(int pid) {
  const LockGuard guard(lock_);
  if (Member* self = member(pid)) self->has_executed = true;
}

void ProcessTable::set_subreaper(int pid, bool on) {
  const LockGuard guard(lock_);
  if (Member* self = member(pid)) self->is_subreaper = on;
}

void ProcessTable::set_users(int pid, const Users& users) {
  const LockGuard guard(lock_);
  if (Member* self = member(pid)) self->users = users;
}

/// Linux: will_become_orphaned_pgrp.
bool ProcessTable::is_orphaned_locked(int group, int except) const {
  for (const auto& [pid, each] : members_) {
    if (each.group != group || pid == except || each.state == State::kZombie) continue;
    const Member* parent = member(each.parent);
    if (parent != nullptr && parent->group != group && parent->session == each.session) {
      return false;
    }
  }
  return true;
}

bool ProcessTable::is_orphaned(int group) const {
  const LockGuard guard(lock_);
  return is_orphaned_locked(group, 0);
}

bool ProcessTable::has_stopped(int group) const {
  return std::ranges::any_of(members_, [group](const auto& entry) {
    return entry.second.group == group && entry.second.process->is_stopped();
  });
}

}  // namespace gonzo
