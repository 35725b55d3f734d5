// Who may use a terminal, and whom it signals. Linux: drivers/tty/tty_jobctrl.c.
#include <algorithm>
#include <csignal>

#include "kernel/process_table.h"
#include "kernel/signal.h"
#include "kernel/task.h"

namespace gonzo {

const ProcessTable::Terminal* ProcessTable::terminal(TerminalId id) const {
  const auto found = terminals_.find(id);
  return found == terminals_.end() ? nullptr : &found->second;
}

void ProcessTable::add_terminal(TerminalId id) {
  const LockGuard guard(lock_);
  terminals_[id] = {};
}

bool ProcessTable::has_terminal(TerminalId id) const {
  const LockGuard guard(lock_);
  return id != 0 && terminals_.contains(id);
}

TerminalId ProcessTable::runner_terminal() const {
  const LockGuard guard(lock_);
  return runner_terminal_;
}

TerminalId ProcessTable::terminal_of(int pid) const {
  const LockGuard guard(lock_);
  const Member* self = member(pid);
  return self != nullptr ? self->terminal : 0;
}

int ProcessTable::foreground(TerminalId id) const {
  const LockGuard guard(lock_);
  const Terminal* const found = terminal(id);
  return found != nullptr ? found->foreground : 0;
}

int ProcessTable::session_of(TerminalId id) const {
  const LockGuard guard(lock_);
  const Terminal* const found = terminal(id);
  return found != nullptr ? found->session : 0;
}

/// Linux: tiocspgrp.
Result<void> ProcessTable::set_foreground(int caller, TerminalId id, int group) {
  const LockGuard guard(lock_);
  const Member* const self = member(caller);
  const auto found = terminals_.find(id);
  if (self == nullptr || found == terminals_.end() || self->terminal != id ||
      found->second.session != self->session) {
    return fail(Errno::kNoTty);
  }
  if (group < 0) return fail(Errno::kInval);
  if (!ids_.contains(group)) return fail(Errno::kSrch);
  const auto is_there = [&](const auto& entry) {
    return entry.second.group == group && entry.second.session == self->session;
  };
  if (std::ranges::none_of(members_, is_there)) return fail(Errno::kPerm);
  found->second.foreground = group;
  return {};
}

bool ProcessTable::wants_terminal(int pid) const {
  const LockGuard guard(lock_);
  const Member* const self = member(pid);
  return self != nullptr && self->session == pid && self->terminal == 0;
}

/// Linux: tiocsctty, tty_open_proc_set_tty.
Result<void> ProcessTable::take_terminal(int caller, TerminalId id, Taking taking) {
  const LockGuard guard(lock_);
  Member* const self = member(caller);
  const auto found = terminals_.find(id);
  if (self == nullptr || found == terminals_.end()) return fail(Errno::kPerm);
  Terminal& wanted = found->second;
  const bool leads = self->session == caller;
  if (leads && wanted.session == caller) return {};
  if (!leads || self->terminal != 0) return fail(Errno::kPerm);
  if (wanted.session != 0) {
    if (taking != Taking::kByForce) return fail(Errno::kPerm);
    forget_terminal(id);
  }
  wanted = {.session = caller, .foreground = self->group};
  self->terminal = id;
  return {};
}

/// Linux: session_clear_tty.
void ProcessTable::forget_terminal(TerminalId id) {
  for (auto& [pid, each] : members_) {
    if (each.terminal == id) each.terminal = 0;
  }
}

void ProcessTable::tell_group(int group, std::initializer_list<int> signals,
                              std::vector<Notice>& notices) const {
  for (const auto& [pid, each] : members_) {
    if (each.group != group || each.state == State::kZombie) continue;
    for (const int signal : signals) {
      notices.push_back({each.process, SignalInfo::fault(signal, SI_KERNEL, 0)});
    }
  }
}

/// Linux: no_tty, disassociate_ctty.
Result<void> ProcessTable::give_up_terminal(int caller, TerminalId id) {
  std::vector<Notice> notices;
  {
    const LockGuard guard(lock_);
    Member* const self = member(caller);
    if (self == nullptr || id == 0 || self->terminal != id) return fail(Errno::kNoTty);
    if (self->session == caller) {
      tell_group(terminals_[id].foreground, {SIGHUP, SIGCONT}, notices);
      terminals_[id] = {};
      forget_terminal(id);
    }
    self->terminal = 0;
  }
  send(notices);
  return {};
}

/// The end of a session's leader (Linux: disassociate_ctty). But the runner's terminal is lent: its
/// session outlives the guest's.
void ProcessTable::release_terminal(int pid, std::vector<Notice>& notices) {
  const Member& self = members_.at(pid);
  if (self.session != pid || (self.terminal != 0 && self.terminal == runner_terminal_)) return;
  if (self.terminal == 0) {
    if (self.hung_up_group != 0) tell_group(self.hung_up_group, {SIGHUP, SIGCONT}, notices);
    return;
  }
  const TerminalId id = self.terminal;
  tell_group(terminals_[id].foreground, {SIGHUP}, notices);
  terminals_[id] = {};
  forget_terminal(id);
}

/// Linux: tty_signal_session_leader.
void ProcessTable::hang_up(TerminalId id) {
  std::vector<Notice> notices;
  {
    const LockGuard guard(lock_);
    const Terminal* const gone = terminal(id);
    if (gone == nullptr) return;
    if (Member* const leader = member(gone->session); leader != nullptr && leader->terminal == id) {
      for (const int signal : {SIGHUP, SIGCONT}) {
        notices.push_back({leader->process, SignalInfo::fault(signal, SI_KERNEL, 0)});
      }
      leader->hung_up_group = gone->foreground;
    }
    forget_terminal(id);
    terminals_.erase(id);
  }
  send(notices);
}

void ProcessTable::signal_foreground(TerminalId id, int signal) {
  std::vector<Notice> notices;
  {
    const LockGuard guard(lock_);
    const Terminal* const found = terminal(id);
    if (found == nullptr || found->foreground == 0) return;
    tell_group(found->foreground, {signal}, notices);
  }
  send(notices);
}

/// Linux: __tty_check_change.
ProcessTable::Background ProcessTable::check_background(Task& caller, TerminalId id, int signal) {
  std::vector<Notice> notices;
  {
    const LockGuard guard(lock_);
    const Member* const self = member(caller.process().pid());
    const Terminal* const found = terminal(id);
    if (self == nullptr || found == nullptr || self->terminal != id || found->foreground == 0 ||
        found->foreground == self->group) {
      return Background::kMayGoOn;
    }
    const auto action = caller.process().actions_ref()->get(signal);
    const bool ignored =
        (caller.signal_mask() & signal_bit(signal)) != 0 || (action && action->is_ignore());
    if (ignored) return signal == SIGTTIN ? Background::kFails : Background::kMayGoOn;
    // The first process's group is a job of whoever started the runner.
    if (self->group != kFirstProcess && is_orphaned_locked(self->group, 0))
      return Background::kFails;
    tell_group(self->group, {signal}, notices);
  }
  send(notices);
  return Background::kSignalled;
}

}  // namespace gonzo
