#include "kernel/proc_subject.h"

#include <fmt/format.h>

#include "kernel/process_table.h"

namespace gonzo {

std::optional<ProcSubject> ProcSubject::find(Task& asker, int id, Form form) {
  ProcessTable& processes = asker.process().system().processes();
  const std::shared_ptr<Task> task = processes.find_task(id);
  auto process = task != nullptr ? task->process().shared_from_this() : processes.find(id);
  if (process == nullptr) return std::nullopt;
  const bool is_own = process.get() == &asker.process();
  return ProcSubject(std::move(process), task, id, form, is_own);
}

bool ProcSubject::is_gone() const {
  if (!is_leader()) return task() == nullptr;
  return system().processes().find(tid_) != process_;
}

std::shared_ptr<Task> ProcSubject::task() const {
  auto task = task_.lock();
  // Others may hold a task that has ended.
  if (task == nullptr || system().processes().find_task(tid_) == task) return task;
  // Another thread's exec took the first one's place.
  task = system().processes().find_task(tid_);
  return task != nullptr && &task->process() == process_.get() ? task : nullptr;
}

std::shared_ptr<ProcessMemory> ProcSubject::memory() const {
  return task() != nullptr ? process_->memory_ref() : nullptr;
}

std::shared_ptr<FileTable> ProcSubject::files() const {
  return task() != nullptr ? process_->files_ref() : nullptr;
}

std::string ProcSubject::name() const {
  const auto task = this->task();
  return task != nullptr ? task->name() : process_->ended_leader().name;
}

Credentials ProcSubject::credentials() const {
  const auto task = this->task();
  return task != nullptr ? task->credentials() : process_->ended_leader().credentials;
}

Dumpable ProcSubject::dumpable() const {
  if (memory() == nullptr) return Dumpable::kNone;
  return process_->is_dumpable ? Dumpable::kYes : Dumpable::kNo;
}

Result<void> ProcSubject::may_inspect() const {
  if (is_own_) return {};
  return gonzo::may_inspect(Credentials::current(), credentials(), dumpable(), CallerIds::kFile);
}

void ProcSubject::set_owner(struct stat& status) const {
  constexpr mode_t kOpenDirectory = S_IFDIR | 0555;
  const Credentials own = credentials();
  const bool shown = status.st_mode == kOpenDirectory || dumpable() == Dumpable::kYes;
  status.st_uid = shown ? own.euid : 0;
  status.st_gid = shown ? own.egid : 0;
}

std::string ProcSubject::host_directory() const {
  const auto task = this->task();
  const pid_t thread = task != nullptr ? task->host_thread() : 0;
  const bool is_process = form_ == Form::kProcess;
  if (thread == 0) return is_process ? "/proc/self" : "/proc/thread-self";
  // By a thread's number there is a process's directory as well.
  return is_process ? fmt::format("/proc/{}", thread) : fmt::format("/proc/{0}/task/{0}", thread);
}

}  // namespace gonzo
