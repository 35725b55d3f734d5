// Whom a name below /proc/PID tells about. Linux: the inode's struct pid; fs/proc/base.c.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>

#include "kernel/credentials.h"
#include "kernel/task.h"

namespace gonzo {

/// A process, or a thread of one; holds no memory of it. Valid beyond its end, when there is less
/// to tell. Thread-safe.
class ProcSubject {
 public:
  enum class Form : bool { kProcess, kThread };  ///< /proc/N, /proc/N/task/N

  /// By the number of a process or thread, as `asker` sees it. Nothing: there is none.
  static std::optional<ProcSubject> find(Task& asker, int id, Form form);

  Process& process() const { return *process_; }
  System& system() const { return process_->system(); }
  int tid() const { return tid_; }
  Form form() const { return form_; }
  /// Of the asker's process.
  bool is_own() const { return is_own_; }
  bool is_leader() const { return tid_ == process_->pid(); }

  /// Waited for: its number means it no longer.
  bool is_gone() const;
  // What it has until it ends; then null.
  std::shared_ptr<Task> task() const;
  std::shared_ptr<ProcessMemory> memory() const;
  std::shared_ptr<FileTable> files() const;

  std::string name() const;
  Credentials credentials() const;
  Dumpable dumpable() const;
  /// Whether the calling host thread may look into it (Linux: ptrace_may_access). EPERM.
  Result<void> may_inspect() const;
  /// The owner of a file of that mode about it (Linux: task_dump_owner).
  void set_owner(struct stat& status) const;
  /// The host's directory about it; once it has ended, another of the runner's.
  std::string host_directory() const;

 private:
  ProcSubject(std::shared_ptr<Process> process, std::weak_ptr<Task> task, int tid, Form form,
              bool is_own)
      : process_(std::move(process)),
        task_(std::move(task)),
        tid_(tid),
        form_(form),
        is_own_(is_own) {}

  std::shared_ptr<Process> process_;
  std::weak_ptr<Task> task_;
  int tid_;
  Form form_;
  bool is_own_;
};

}  // namespace gonzo
