#include "kernel/clone.h"

#include <linux/capability.h>
#include <linux/sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <tuple>

#include "kernel/process_table.h"
#include "kernel/task_threads.h"

namespace gonzo {
namespace {

constexpr std::uint64_t kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                      CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME;
constexpr std::uint64_t kKnown = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK |
                                 CLONE_PARENT | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
                                 CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED |
                                 CLONE_UNTRACED | CLONE_PIDFD | CLONE_CHILD_SETTID | CLONE_IO |
                                 CLONE_CLEAR_SIGHAND | CLONE_PTRACE;

/// Linux: the checks at the start of copy_process.
Result<void> check(const CloneRequest& request) {
  const auto has = [&](std::uint64_t flag) { return (request.flags & flag) != 0; };
  if (has(CLONE_THREAD) && !has(CLONE_SIGHAND)) return fail(Errno::kInval);
  if (has(CLONE_SIGHAND) && !has(CLONE_VM)) return fail(Errno::kInval);
  if (has(CLONE_SIGHAND) && has(CLONE_CLEAR_SIGHAND)) return fail(Errno::kInval);
  if (has(CLONE_PIDFD) && has(CLONE_DETACHED)) return fail(Errno::kInval);
  if (has(kNamespaces)) return fail(Errno::kPerm);
  if ((request.flags & ~kKnown) != 0) return fail(Errno::kInval);
  return {};
}

/// A number that goes back unless it is kept.
class ReservedId {
 public:
  ReservedId(ProcessTable& table, int id) : table_(table), id_(id) {}
  ~ReservedId() {
    if (id_ != 0) table_.release_id(id_);
  }
  ReservedId(const ReservedId&) = delete;
  ReservedId& operator=(const ReservedId&) = delete;
  void keep() { id_ = 0; }

 private:
  ProcessTable& table_;
  int id_;
};

Sharing shared_if(const CloneRequest& request, std::uint64_t flag) {
  return (request.flags & flag) != 0 ? Sharing::kShare : Sharing::kCopy;
}

/// The machine's thread for the child, with the caller's registers and floating-point state.
Result<std::unique_ptr<MachineThread>> copy_thread(Task& parent, Process& process,
                                                   const CloneRequest& request) {
  CpuRegisters registers = parent.registers();
  registers.rax = 0;
  if (request.stack_pointer != 0) registers.rsp = request.stack_pointer;
  if (request.segment) {
    registers.tls[request.segment->entry_number - segment::kFirstTls] =
        request.segment->to_descriptor();
  } else if ((request.flags & CLONE_SETTLS) != 0) {
    registers.fs_base = request.tls;
  }
  GONZO_ASSIGN(auto thread,
               process.system().machine().create_thread(process.machine_space(), registers));
  std::ranges::copy(parent.thread().extended_state(), thread->extended_state().begin());
  return thread;
}

/// What a task has from the one that made it. Linux: dup_task_struct, copy_thread.
void inherit(Task& child, Task& parent, const CloneRequest& request) {
  child.set_signal_mask(parent.signal_mask());
  child.set_name(parent.name());
  child.set_credentials(parent.credentials());
  child.memory_policy = parent.memory_policy;
  child.no_new_privileges = parent.no_new_privileges;
  const bool other_stack = (request.flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM;
  if (!other_stack) child.signal_stack() = parent.signal_stack();
  if ((request.flags & CLONE_CHILD_CLEARTID) != 0) child.clear_child_tid = request.child_tid.value;
}

class Cloning {
 public:
  Cloning(Task& parent, const CloneRequest& request, int id)
      : parent_(parent), request_(request), id_(id), table_(system().processes()) {}

  Result<void> make() {
    const bool is_thread = has(CLONE_THREAD);
    if (!is_thread) {
      GONZO_ASSIGN(child_,
                   parent_.process().fork(id_, {.memory = shared_if(request_, CLONE_VM),
                                                .files = shared_if(request_, CLONE_FILES),
                                                .actions = shared_if(request_, CLONE_SIGHAND)}));
      if (has(CLONE_CLEAR_SIGHAND)) child_->signals().reset_handlers();
    }
    Process& process = is_thread ? parent_.process() : *child_;
    GONZO_ASSIGN(auto thread, copy_thread(parent_, process, request_));
    GONZO_ASSIGN(task_, Task::create(process, id_, std::move(thread)));
    inherit(*task_, parent_, request_);
    return {};
  }

  /// From here on others see it. The errors come before anything happened.
  Result<void> start(const std::shared_ptr<Completion>& vfork_end) {
    Process& process = task_->process();
    if (!process.attach(*task_)) return fail(Errno::kAgain);
    if (child_ != nullptr) {
      child_->set_vfork_end(vfork_end);
      table_.add_child(
          child_, parent_.process(),
          has(CLONE_PARENT) ? ProcessTable::Kinship::kSister : ProcessTable::Kinship::kChild,
          request_.exit_signal);
      child_->start_cpu_limit();
    }
    table_.add_task(task_);
    if (const auto opened = open_descriptor(); !opened) {
      undo();
      return opened;
    }
    if (has(CLONE_PARENT_SETTID)) std::ignore = parent_.memory().store(request_.parent_tid, id_);
    const auto started = system().tasks().start(
        {.task = task_,
         .directory = has(CLONE_FS) ? Directory::kShared : Directory::kOwn,
         .child_tid = has(CLONE_CHILD_SETTID) ? request_.child_tid : VirtAddr()});
    if (!started) {
      if (pidfd_ >= 0) std::ignore = parent_.files().close(pidfd_);
      undo();
    }
    return started;
  }

 private:
  System& system() { return parent_.process().system(); }
  bool has(std::uint64_t flag) const { return (request_.flags & flag) != 0; }
  /// CLONE_PIDFD.
  Result<void> open_descriptor() {
    if (!has(CLONE_PIDFD)) return {};
    const auto of = has(CLONE_THREAD) ? ProcessFile::Of::kThread : ProcessFile::Of::kProcess;
    GONZO_ASSIGN(auto file, table_.open_file(task_->process().shared_from_this(), id_, of,
                                             /*status_flags=*/0));
    GONZO_ASSIGN(const int number, parent_.files().insert(std::move(file), CloseOnExec::kYes));
    const auto stored = parent_.memory().store(request_.pidfd, number);
    if (stored) {
      pidfd_ = number;
    } else {
      std::ignore = parent_.files().close(number);
    }
    return stored;
  }
  void undo() {
    task_->set_host_thread(0);
    task_->process().detach(*task_);
    table_.remove_task(*task_);
    if (child_ != nullptr) {
      task_->replace_thread(nullptr);
      child_->release();
      table_.forget(child_->pid());
    }
  }

  Task& parent_;
  const CloneRequest& request_;
  const int id_;
  ProcessTable& table_;
  std::shared_ptr<Process> child_;  ///< null for a thread
  std::shared_ptr<Task> task_;
  int pidfd_ = -1;
};

/// Linux: copy_process. Root and its like have no limit.
Result<void> check_limit(Task& parent) {
  const std::uint64_t limit = parent.process().limits()[RLIMIT_NPROC].soft;
  const Credentials user = parent.credentials();
  const bool is_free = user.uid == 0 || user.has(CAP_SYS_RESOURCE) || user.has(CAP_SYS_ADMIN);
  const ProcessTable& table = parent.process().system().processes();
  if (is_free || table.task_count() < limit || table.task_count(user.uid) < limit) return {};
  return fail(Errno::kAgain);
}

}  // namespace

Result<int> clone_task(Task& parent, const CloneRequest& request) {
  GONZO_TRY(check(request));
  GONZO_TRY(check_limit(parent));
  ProcessTable& table = parent.process().system().processes();
  GONZO_ASSIGN(const int id, table.reserve_id());
  ReservedId reserved(table, id);
  std::shared_ptr<Completion> vfork_end;
  if ((request.flags & CLONE_VFORK) != 0) vfork_end = std::make_shared<Completion>();
  {
    Cloning cloning(parent, request, id);
    GONZO_TRY(cloning.make());
    GONZO_TRY(cloning.start(vfork_end));
    reserved.keep();
  }
  if (vfork_end != nullptr) parent.process().wait_killably(parent, *vfork_end);
  return id;
}

}  // namespace gonzo
