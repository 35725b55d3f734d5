// All processes of a machine, their numbers, families, groups and sessions. Linux: the task list
// and pids under tasklist_lock; kernel/exit.c, kernel/pid.c.
#pragma once

#include <atomic>
#include <condition_variable>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "kernel/process.h"
#include "kernel/signal_info.h"
#include "kernel/terminal.h"
#include "kernel/usage.h"
#include <gonzo/base/lock.h>
#include <gonzo/base/result.h>

namespace gonzo {

/// What wait(2) chooses from.
struct WaitSelector {
  enum class Kind : std::uint8_t { kAny, kProcess, kGroup };
  Kind kind = Kind::kAny;
  int id = 0;
};

/// What wait(2) tells of a child.
struct WaitReport {
  enum class Kind : std::uint8_t { kExited, kStopped, kContinued };
  int pid = 0;
  Kind kind = Kind::kExited;
  ExitStatus exit;      ///< kExited
  int stop_signal = 0;  ///< kStopped
  unsigned uid = 0;
  Usage usage;
};

/// Thread-safe. Its lock comes before a process's.
class ProcessTable {
 public:
  /// As in Linux with CONFIG_BASE_SMALL unset.
  static constexpr int kMaxId = 4194304;

  ProcessTable() = default;
  ProcessTable(const ProcessTable&) = delete;
  ProcessTable& operator=(const ProcessTable&) = delete;

  /// The next free number, for a process or a thread. EAGAIN: too many tasks.
  Result<int> reserve_id() GONZO_EXCLUDES(lock_);
  void release_id(int id) GONZO_EXCLUDES(lock_);

  /// The first: leader of a group and session of its own.
  /// `terminal`: the runner's.
  void add_first(std::shared_ptr<Process> process, TerminalId terminal = 0) GONZO_EXCLUDES(lock_);
  /// `exit_signal`: to the parent at its end; 0 for none. CLONE_PARENT: a sister.
  enum class Kinship : std::uint8_t { kChild, kSister };
  void add_child(std::shared_ptr<Process> child, Process& of, Kinship kinship, int exit_signal)
      GONZO_EXCLUDES(lock_);
  /// One that never ran.
  void forget(int pid) GONZO_EXCLUDES(lock_);
  void add_task(std::shared_ptr<Task> task) GONZO_EXCLUDES(lock_);
  /// Its number is free again, unless it is its process's.
  void remove_task(Task& task) GONZO_EXCLUDES(lock_);
  /// exec by another thread than the first.
  void rename_task(Task& task, int tid) GONZO_EXCLUDES(lock_);

  // Finding. Zombies are found as processes; they have no tasks.
  std::shared_ptr<Process> find(int pid) const GONZO_EXCLUDES(lock_);
  std::shared_ptr<Task> find_task(int tid) const GONZO_EXCLUDES(lock_);
  /// By the number of the host thread that runs it.
  std::shared_ptr<Task> find_host_thread(pid_t thread) const GONZO_EXCLUDES(lock_);
  std::vector<std::shared_ptr<Process>> all() const GONZO_EXCLUDES(lock_);
  std::vector<std::shared_ptr<Process>> group(int id) const GONZO_EXCLUDES(lock_);
  std::vector<int> children_of(int pid) const GONZO_EXCLUDES(lock_);
  /// Linux: cred's uid and suid.
  struct Users {
    unsigned real = 0, saved = 0;
  };
  struct Identity {
    int parent = 0, group = 0, session = 0;
    /// Of an orphan: as if an init, the first number, had adopted it; 0 where that would hide that
    /// the first process has ended.
    int shown_parent = 0;
    bool is_zombie = false;
    bool is_subreaper = false;
    Users users;
    int exit_signal = 0;
    Usage usage;  ///< of a zombie
    Usage children_usage;
  };
  /// Of a process. ESRCH.
  Result<Identity> identity(int pid) const GONZO_EXCLUDES(lock_);
  std::size_t task_count() const GONZO_EXCLUDES(lock_);
  /// Of this user (Linux: UCOUNT_RLIMIT_NPROC).
  std::size_t task_count(unsigned uid) const GONZO_EXCLUDES(lock_);
  /// A pidfd of this process, or of a thread of it. EMFILE.
  Result<std::shared_ptr<ProcessFile>> open_file(const std::shared_ptr<Process>& process, int id,
                                                 ProcessFile::Of of, int status_flags)
      GONZO_EXCLUDES(lock_);

  /// setpgid(2) by process `caller`; 0s are resolved already. ESRCH, EACCES, EPERM.
  Result<void> set_group(int caller, int pid, int group) GONZO_EXCLUDES(lock_);
  /// setsid(2): the session. EPERM: it leads a group.
  Result<int> new_session(int pid) GONZO_EXCLUDES(lock_);
  /// A child that has executed a program keeps its group.
  void note_exec(int pid) GONZO_EXCLUDES(lock_);
  void set_subreaper(int pid, bool on) GONZO_EXCLUDES(lock_);
  /// Whose it is now: what decides who may signal it.
  void set_users(int pid, const Users& users) GONZO_EXCLUDES(lock_);

  // Terminals: the runner's, which the first process's session has, and those that guests make.
  // Processes are named by their numbers. job_control.cc.

  /// A guest has made it. Nobody has it yet.
  void add_terminal(TerminalId id) GONZO_EXCLUDES(lock_);
  /// Whether it is one of these.
  bool has_terminal(TerminalId id) const GONZO_EXCLUDES(lock_);
  TerminalId runner_terminal() const GONZO_EXCLUDES(lock_);
  /// That controls the process; 0: none.
  TerminalId terminal_of(int pid) const GONZO_EXCLUDES(lock_);
  /// 0: none.
  int foreground(TerminalId id) const GONZO_EXCLUDES(lock_);
  int session_of(TerminalId id) const GONZO_EXCLUDES(lock_);
  /// tcsetpgrp. ENOTTY: it is not the caller's; EINVAL; ESRCH; EPERM: another session's group.
  Result<void> set_foreground(int caller, TerminalId id, int group) GONZO_EXCLUDES(lock_);
  /// It leads a session without a terminal: the next that it opens is its own.
  bool wants_terminal(int pid) const GONZO_EXCLUDES(lock_);
  /// EPERM: it leads no session, has one, or somebody else has this one.
  enum class Taking : bool { kIfFree, kByForce };
  Result<void> take_terminal(int caller, TerminalId id, Taking taking) GONZO_EXCLUDES(lock_);
  /// ENOTTY: it is not the caller's.
  Result<void> give_up_terminal(int caller, TerminalId id) GONZO_EXCLUDES(lock_);
  /// Its other end is closed for ever.
  void hang_up(TerminalId id) GONZO_EXCLUDES(lock_);
  void signal_foreground(TerminalId id, int signal) GONZO_EXCLUDES(lock_);
  /// Before the caller reads (SIGTTIN) or changes (SIGTTOU) it. kSignalled: the call starts again
  /// once that has been dealt with.
  enum class Background : std::uint8_t { kMayGoOn, kFails, kSignalled };
  Background check_background(Task& caller, TerminalId id, int signal) GONZO_EXCLUDES(lock_);
  /// Nobody outside the group, in the same session, could continue its stopped members.
  bool is_orphaned(int group) const GONZO_EXCLUDES(lock_);

  /// The last task has gone: a zombie from now on, or nothing if nobody waits. Children go to the
  /// nearest subreaper, else to the machine itself, which waits for them.
  void exited(Process& process, const ExitStatus& status, const Usage& usage) GONZO_EXCLUDES(lock_);
  /// Tells the parent.
  void stopped(Process& process, int signal) GONZO_EXCLUDES(lock_);
  void continued(Process& process) GONZO_EXCLUDES(lock_);

  /// What there is to tell of the children of `parent` now; nothing: wait_word() will change.
  /// ECHILD: no child can ever match.
  struct WaitRequest {
    WaitSelector selector;
    bool exited = true, stopped = false, continued = false;
    bool keep = false;  ///< WNOWAIT
  };
  Result<std::optional<WaitReport>> try_wait(int parent, const WaitRequest& request)
      GONZO_EXCLUDES(lock_);
  /// Counts up with each event of a child. A futex, valid as long as the process.
  std::atomic<std::uint32_t>* wait_word(int pid) GONZO_EXCLUDES(lock_);
  /// Of those that were waited for.
  Usage children_usage(int pid) const GONZO_EXCLUDES(lock_);

  /// No process is left that has not ended.
  bool is_empty() const GONZO_EXCLUDES(lock_);

 private:
  enum class State : std::uint8_t { kAlive, kZombie };
  struct Member {
    std::shared_ptr<Process> process;
    int parent = 0;  ///< 0: the machine
    int shown_parent = 0;
    int group = 0, session = 0;
    TerminalId terminal = 0;
    int hung_up_group = 0;  ///< of a leader: the foreground when its terminal went (tty_old_pgrp)
    int exit_signal = 0;
    State state = State::kAlive;
    bool has_executed = false, is_subreaper = false;
    Users users;
    ExitStatus status;
    Usage usage, children;
    std::optional<int> stop_report;  ///< a signal that nobody waited for yet
    bool continue_report = false;
    std::unique_ptr<std::atomic<std::uint32_t>> events =
        std::make_unique<std::atomic<std::uint32_t>>(0);
  };
  using Members = std::map<int, Member>;
  /// What became of it, to be told with no lock held.
  struct Notice {
    std::shared_ptr<Process> to;
    SignalInfo info;
  };

  struct Terminal {
    int session = 0, foreground = 0;
  };
  const Terminal* terminal(TerminalId id) const GONZO_REQUIRES(lock_);
  void forget_terminal(TerminalId id) GONZO_REQUIRES(lock_);
  void release_terminal(int pid, std::vector<Notice>& notices) GONZO_REQUIRES(lock_);
  void tell_group(int group, std::initializer_list<int> signals, std::vector<Notice>& notices) const
      GONZO_REQUIRES(lock_);
  Member* member(int pid) GONZO_REQUIRES(lock_);
  const Member* member(int pid) const GONZO_REQUIRES(lock_);
  void free_id(int id) GONZO_REQUIRES(lock_);
  bool is_orphaned_locked(int group, int except) const GONZO_REQUIRES(lock_);
  bool has_stopped(int group) const GONZO_REQUIRES(lock_);
  void wake_parent(const Member& parent) GONZO_REQUIRES(lock_);
  int new_parent_of(int pid) const GONZO_REQUIRES(lock_);
  void give_away_children(int pid, std::vector<Notice>& notices) GONZO_REQUIRES(lock_);
  void hang_up_orphans(int pid, std::vector<Notice>& notices) GONZO_REQUIRES(lock_);
  bool notify_exit(int pid, Member& gone, std::vector<Notice>& notices) GONZO_REQUIRES(lock_);
  void notify_child_change(Process& process, int code, int status) GONZO_EXCLUDES(lock_);
  void bury(int pid) GONZO_REQUIRES(lock_);
  std::optional<WaitReport> report_of(int pid, Member& child, Member& parent,
                                      const WaitRequest& request) GONZO_REQUIRES(lock_);
  static bool matches(int pid, const Member& child, const WaitSelector& selector);
  static void tell(const std::shared_ptr<Process>& parent, const SignalInfo& info,
                   std::vector<Notice>& notices);
  static void send(const std::vector<Notice>& notices);

  mutable Mutex lock_;
  Members members_ GONZO_GUARDED_BY(lock_);
  std::map<int, std::shared_ptr<Task>> tasks_ GONZO_GUARDED_BY(lock_);
  std::set<int> ids_ GONZO_GUARDED_BY(lock_);
  int last_id_ GONZO_GUARDED_BY(lock_) = 0;
  std::map<TerminalId, Terminal> terminals_ GONZO_GUARDED_BY(lock_);
  TerminalId runner_terminal_ GONZO_GUARDED_BY(lock_) = 0;
};

}  // namespace gonzo
