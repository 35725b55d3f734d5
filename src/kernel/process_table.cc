#include "kernel/process_table.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <tuple>

#include "kernel/host_futex.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include <gonzo/base/check.h>

namespace gonzo {
namespace {

/// Each is a thread of the runner and one of its guest's host process.
constexpr std::size_t kMostTasks = 4096;

SignalInfo child_signal(int signal, int code, int pid, unsigned uid, int status,
                        const Usage& usage) {
  using std::chrono::milliseconds;
  constexpr milliseconds kTick{10};  // USER_HZ: 100
  SignalInfo info = SignalInfo::sent(signal, code, pid, uid);
  info.fields[1] = static_cast<std::uint32_t>(status);
  info.fields[2] = static_cast<std::uint64_t>(usage.user / kTick);
  info.fields[3] = static_cast<std::uint64_t>(usage.system / kTick);
  return info;
}

}  // namespace

// ---- numbers ----

Result<int> ProcessTable::reserve_id() {
  const LockGuard guard(lock_);
  if (tasks_.size() >= kMostTasks || ids_.size() >= kMaxId - 1) return fail(Errno::kAgain);
  constexpr int kFirstAgain = 300;  // Linux: RESERVED_PIDS
  int id = last_id_ + 1;
  while (id >= kMaxId || ids_.contains(id)) id = id >= kMaxId ? kFirstAgain : id + 1;
  ids_.insert(id);
  last_id_ = id;
  return id;
}

void ProcessTable::release_id(int id) {
  const LockGuard guard(lock_);
  free_id(id);
}

/// A number stays taken while it names a process, a thread, a group or a session.
void ProcessTable::free_id(int id) {
  if (members_.contains(id) || tasks_.contains(id)) return;
  const auto names = [id](const auto& entry) {
    return entry.second.group == id || entry.second.session == id;
  };
  if (std::ranges::none_of(members_, names)) ids_.erase(id);
}

// ---- births ----

void ProcessTable::add_first(std::shared_ptr<Process> process, TerminalId terminal) {
  const LockGuard guard(lock_);
  const int pid = process->pid();
  Member& made = members_[pid];
  made.process = std::move(process);
  made.group = made.session = pid;
  made.exit_signal = SIGCHLD;
  made.users = {.real = getuid(), .saved = getuid()};
  made.terminal = runner_terminal_ = terminal;
  terminals_[terminal] = {.session = pid, .foreground = pid};
}

void ProcessTable::add_child(std::shared_ptr<Process> child, Process& of, Kinship kinship,
                             int exit_signal) {
  const LockGuard guard(lock_);
  Member* const near = member(of.pid());
  GONZO_CHECK(near != nullptr);
  Member& made = members_[child->pid()];
  made.process = std::move(child);
  made.parent = kinship == Kinship::kSister ? near->parent : of.pid();
  made.shown_parent = made.parent;
  made.group = near->group;
  made.session = near->session;
  made.terminal = near->terminal;
  made.exit_signal = kinship == Kinship::kSister ? near->exit_signal : exit_signal;
  made.users = near->users;
}

void ProcessTable::forget(int pid) {
  const std::shared_ptr<Process> kept = find(pid);  // destroyed after the lock
  const LockGuard guard(lock_);
  bury(pid);
}

void ProcessTable::add_task(std::shared_ptr<Task> task) {
  const LockGuard guard(lock_);
  const Member* of = member(task->process().pid());
  GONZO_CHECK(of != nullptr);
  task->keep(of->process);
  tasks_[task->tid()] = std::move(task);
}

void ProcessTable::remove_task(Task& task) {
  std::shared_ptr<Task> gone;  // destroyed after the lock
  const LockGuard guard(lock_);
  const auto found = tasks_.find(task.tid());
  if (found == tasks_.end() || found->second.get() != &task) return;
  gone = std::move(found->second);
  tasks_.erase(found);
  Process& of = task.process();
  of.process_files().thread_ended(task.tid());
  if (task.tid() != of.pid()) of.process_files().thread_gone(task.tid());
  free_id(task.tid());
}

void ProcessTable::rename_task(Task& task, int tid) {
  const LockGuard guard(lock_);
  const auto found = tasks_.find(task.tid());
  GONZO_CHECK(found != tasks_.end());
  const int old = task.tid();
  auto moved = std::move(found->second);
  tasks_.erase(found);
  moved->take_tid(tid);
  task.process().process_files().thread_gone(old);
  tasks_[tid] = std::move(moved);
  free_id(old);
}

// ---- finding ----

ProcessTable::Member* ProcessTable::member(int pid) {
  const auto found = members_.find(pid);
  return found == members_.end() ? nullptr : &found->second;
}

const ProcessTable::Member* ProcessTable::member(int pid) const {
  const auto found = members_.find(pid);
  return found == members_.end() ? nullptr : &found->second;
}

std::shared_ptr<Process> ProcessTable::find(int pid) const {
  const LockGuard guard(lock_);
  const Member* found = member(pid);
  return found == nullptr ? nullptr : found->process;
}

std::shared_ptr<Task> ProcessTable::find_task(int tid) const {
  const LockGuard guard(lock_);
  const auto found = tasks_.find(tid);
  return found == tasks_.end() ? nullptr : found->second;
}

std::shared_ptr<Task> ProcessTable::find_host_thread(pid_t thread) const {
  const LockGuard guard(lock_);
  const auto found = std::ranges::find_if(
      tasks_, [thread](const auto& entry) { return entry.second->host_thread() == thread; });
  return found == tasks_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Process>> ProcessTable::all() const {
  const LockGuard guard(lock_);
  std::vector<std::shared_ptr<Process>> processes;
  for (const auto& [pid, each] : members_) processes.push_back(each.process);
  return processes;
}

std::vector<std::shared_ptr<Process>> ProcessTable::group(int id) const {
  const LockGuard guard(lock_);
  std::vector<std::shared_ptr<Process>> processes;
  for (const auto& [pid, each] : members_) {
    if (each.group == id) processes.push_back(each.process);
  }
  return processes;
}

std::vector<int> ProcessTable::children_of(int pid) const {
  const LockGuard guard(lock_);
  std::vector<int> children;
  for (const auto& [child, each] : members_) {
    if (each.parent == pid) children.push_back(child);
  }
  return children;
}

Result<ProcessTable::Identity> ProcessTable::identity(int pid) const {
  const LockGuard guard(lock_);
  const Member* found = member(pid);
  if (found == nullptr) return fail(Errno::kSrch);
  return Identity{.parent = found->parent,
                  .group = found->group,
                  .session = found->session,
                  .shown_parent = found->shown_parent,
                  .is_zombie = found->state == State::kZombie,
                  .is_subreaper = found->is_subreaper,
                  .users = found->users,
                  .exit_signal = found->exit_signal,
                  .usage = found->usage,
                  .children_usage = found->children};
}

std::size_t ProcessTable::task_count() const {
  const LockGuard guard(lock_);
  return tasks_.size();
}

std::size_t ProcessTable::task_count(unsigned uid) const {
  const LockGuard guard(lock_);
  return static_cast<std::size_t>(std::ranges::count_if(
      tasks_, [uid](const auto& entry) { return entry.second->credentials().uid == uid; }));
}

Result<std::shared_ptr<ProcessFile>> ProcessTable::open_file(
    const std::shared_ptr<Process>& process, int id, ProcessFile::Of of, int status_flags) {
  GONZO_ASSIGN(auto file, ProcessFile::create(process, id, of, status_flags));
  process->process_files().add(file);
  // From here on it is told; what happened before it was added is seen here.
  const LockGuard guard(lock_);
  const Member* found = member(process->pid());
  const bool is_thread = of == ProcessFile::Of::kThread;
  const bool has_task = tasks_.contains(id);
  if (found == nullptr || found->process != process ||
      (is_thread && !has_task && id != process->pid())) {
    file->gone();
  } else if (is_thread ? !has_task : found->state == State::kZombie) {
    file->ended();
  }
  return file;
}

bool ProcessTable::is_empty() const {
  const LockGuard guard(lock_);
  return std::ranges::all_of(
      members_, [](const auto& entry) { return entry.second.state == State::kZombie; });
}

// ---- ends ----

void ProcessTable::send(const std::vector<Notice>& notices) {
  for (const Notice& notice : notices) std::ignore = send_signal(*notice.to, notice.info);
}

void ProcessTable::wake_parent(const Member& parent) {
  parent.events->fetch_add(1, std::memory_order_release);
  wake_all(parent.events.get());
}

/// Linux: find_new_reaper.
int ProcessTable::new_parent_of(int pid) const {
  for (const Member* at = member(pid); at != nullptr;) {
    const int next = at->parent;
    at = member(next);
    if (at != nullptr && at->is_subreaper && at->state == State::kAlive) return next;
  }
  return 0;
}

void ProcessTable::give_away_children(int pid, std::vector<Notice>& notices) {
  const int heir = new_parent_of(pid);
  std::vector<int> ended;
  for (auto& [child, each] : members_) {
    if (each.parent != pid) continue;
    each.parent = heir;
    each.shown_parent = heir != 0 ? heir : pid == kFirstProcess ? 0 : kFirstProcess;
    each.exit_signal = SIGCHLD;
    each.process->for_each_task([&](Task& task) {
      if (task.parent_death_signal != 0) {
        notices.push_back({each.process, SignalInfo::sent(task.parent_death_signal, SI_USER, pid,
                                                          each.users.real)});
      }
    });
    if (each.state == State::kZombie) ended.push_back(child);
  }
  for (const int child : ended) {
    if (notify_exit(child, members_.at(child), notices)) bury(child);
  }
}

/// Linux: kill_orphaned_pgrp. Stopped members of groups that nobody can continue any more.
void ProcessTable::hang_up_orphans(int pid, std::vector<Notice>& notices) {
  const Member& self = members_.at(pid);
  std::set<int> groups;
  const Member* parent = member(self.parent);
  if (parent != nullptr && parent->group != self.group && parent->session == self.session) {
    groups.insert(self.group);
  }
  for (const auto& [child, each] : members_) {
    if (each.parent == pid && each.group != self.group && each.session == self.session) {
      groups.insert(each.group);
    }
  }
  for (const int group : groups) {
    if (!is_orphaned_locked(group, pid) || !has_stopped(group)) continue;
    for (const auto& [each_pid, each] : members_) {
      if (each.group != group || each_pid == pid) continue;
      for (const int signal : {SIGHUP, SIGCONT}) {
        notices.push_back({each.process, SignalInfo::sent(signal, SI_KERNEL, 0, 0)});
      }
    }
  }
}

/// Before the parent can learn of it by waiting: who waits finds the signal pending. But SIGCONT
/// would come back here.
void ProcessTable::tell(const std::shared_ptr<Process>& parent, const SignalInfo& info,
                        std::vector<Notice>& notices) {
  if (info.signal == SIGCONT) {
    notices.push_back({parent, info});
  } else {
    std::ignore = send_signal(*parent, info);
  }
}

/// Linux: do_notify_parent. True: nobody will wait for it.
bool ProcessTable::notify_exit(int pid, Member& gone, std::vector<Notice>& notices) {
  Member* parent = member(gone.parent);
  if (parent == nullptr || parent->state == State::kZombie) return true;
  bool unwanted = false;
  bool silent = gone.exit_signal == 0;
  if (gone.exit_signal == SIGCHLD) {
    const auto action = parent->process->actions_ref()->get(SIGCHLD);
    const bool ignored = action && action->is_ignore();
    unwanted = ignored || (action && (action->flags & SA_NOCLDWAIT) != 0);
    silent = ignored;
  }
  if (!silent) {
    tell(parent->process,
         child_signal(gone.exit_signal, gone.status.child_code(), pid, gone.users.real,
                      gone.status.child_status(), gone.usage),
         notices);
  }
  wake_parent(*parent);
  return unwanted;
}

void ProcessTable::bury(int pid) {
  const auto found = members_.find(pid);
  const int group = found->second.group, session = found->second.session;
  found->second.process->process_files().process_gone();
  members_.erase(found);
  for (const int id : {pid, group, session}) free_id(id);
}

void ProcessTable::exited(Process& process, const ExitStatus& status, const Usage& usage) {
  std::vector<Notice> notices;
  const std::shared_ptr<Process> kept = find(process.pid());  // destroyed after the lock
  {
    const LockGuard guard(lock_);
    const int pid = process.pid();
    Member& self = members_.at(pid);
    release_terminal(pid, notices);
    hang_up_orphans(pid, notices);
    give_away_children(pid, notices);
    self.state = State::kZombie;
    self.status = status;
    self.usage = usage;
    self.usage.add(self.children);
    self.stop_report.reset();
    self.continue_report = false;
    process.process_files().process_ended();
    if (notify_exit(pid, self, notices)) bury(pid);
  }
  send(notices);
}

void ProcessTable::notify_child_change(Process& process, int code, int status) {
  const LockGuard guard(lock_);
  Member* self = member(process.pid());
  Member* parent = self != nullptr ? member(self->parent) : nullptr;
  if (parent == nullptr) return;
  if (code == CLD_STOPPED) {
    self->stop_report = status;
    self->continue_report = false;
  } else {
    self->stop_report.reset();
    self->continue_report = true;
  }
  const auto action = parent->process->actions_ref()->get(SIGCHLD);
  if (action && !action->is_ignore() && (action->flags & SA_NOCLDSTOP) == 0) {
    std::ignore = send_signal(
        *parent->process, child_signal(SIGCHLD, code, process.pid(), self->users.real, status, {}));
  }
  wake_parent(*parent);
}

void ProcessTable::stopped(Process& process, int signal) {
  notify_child_change(process, CLD_STOPPED, signal);
}

void ProcessTable::continued(Process& process) {
  notify_child_change(process, CLD_CONTINUED, SIGCONT);
}

}  // namespace gonzo
