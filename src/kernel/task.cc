#include "kernel/task.h"

#include <csignal>
#include <utility>

#include "frame/object_memory.h"
#include "kernel/kernel_memory.h"
#include "kernel/kick.h"

namespace gonzo {
namespace {

constexpr pid_t kEnded = -1;
constexpr SignalSet kUnblockable = signal_bit(SIGKILL) | signal_bit(SIGSTOP);

SlabCache* cache_of(System& system) { return &system.kernel_memory().task_cache(); }

}  // namespace

Result<std::unique_ptr<Task>> Task::create(Process& process, int tid,
                                           std::unique_ptr<MachineThread> thread) {
  GONZO_ASSIGN(Task* const memory, allocate_object<Task>(cache_of(process.system())));
  return std::unique_ptr<Task>(::new (memory) Task(process, tid, std::move(thread)));
}

void Task::operator delete(Task* task, std::destroying_delete_t) {
  // The process may end with its last task.
  end_object(task, cache_of(task->process().system()));
}

Result<std::unique_ptr<Task>> Task::create(Process& process, int tid, const ExecResult& start) {
  GONZO_ASSIGN(auto thread, process.system().machine().create_thread(process.machine_space(),
                                                                     start.registers()));
  GONZO_ASSIGN(auto task, create(process, tid, std::move(thread)));
  task->set_credentials(Credentials::current());
  if (!process.attach(*task)) return fail(Errno::kAgain);
  return task;
}

Task::Task(Process& process, int tid, std::unique_ptr<MachineThread> thread)
    : process_(process),
      tid_(tid),
      thread_(std::move(thread)),
      signal_mask_(process.initial_signal_mask()),
      name_(process.image().name) {}

Task::~Task() { process_.detach(*this); }

std::unique_ptr<MachineThread> Task::replace_thread(std::unique_ptr<MachineThread> thread) {
  const LockGuard guard(thread_lock_);
  if (thread_ != nullptr) {
    const MachineThreadTimes times = thread_->times();
    replaced_times_.guest += times.guest;
    replaced_times_.waited += times.waited;
  }
  std::swap(thread_, thread);
  return thread;
}

CpuTime Task::cpu_time() {
  const LockGuard guard(thread_lock_);
  MachineThreadTimes times = replaced_times_;
  if (thread_ != nullptr) {
    const MachineThreadTimes present = thread_->times();
    times.guest += present.guest;
    times.waited += present.waited;
  }
  const auto runner = ended_runner_time_ + host_thread_time(host_thread());
  told_time_.user = std::max(told_time_.user, times.guest);
  told_time_.system = std::max(told_time_.system, runner - times.waited);
  return told_time_;
}

void Task::set_signal_mask(SignalSet mask) {
  const SignalSet before = signal_mask_.exchange(mask & ~kUnblockable);
  if ((before & ~signal_mask()) != 0) call_attention();
}

void Task::set_temporary_signal_mask(SignalSet mask) {
  saved_mask_ = signal_mask();
  set_signal_mask(mask);
}

void Task::restore_signal_mask() {
  if (saved_mask_) set_signal_mask(*std::exchange(saved_mask_, std::nullopt));
}

SignalSet Task::take_saved_signal_mask() {
  return std::exchange(saved_mask_, std::nullopt).value_or(signal_mask());
}

bool Task::has_signal() const {
  return ((pending_.set() | process_.pending().set()) & ~blocked_signals()) != 0;
}

void Task::notify() {
  call_attention();
  {
    const LockGuard guard(thread_lock_);
    if (thread_ != nullptr) thread_->interrupt();
  }
  // Whoever sets `blocking` looks at `attention` afterwards.
  if (blocking_.load()) kick(host_thread());
}

void Task::set_host_thread(pid_t thread) {
  {
    const LockGuard guard(thread_lock_);
    if (thread == 0) ended_runner_time_ = host_thread_time(host_thread());
    host_thread_.store(thread != 0 ? thread : kEnded);
  }
  host_thread_.notify_all();
}

pid_t Task::await_host_thread() const {
  host_thread_.wait(0);
  return host_thread();
}

Credentials Task::credentials() const {
  const LockGuard guard(name_lock_);
  return credentials_;
}

void Task::set_credentials(const Credentials& credentials) {
  const LockGuard guard(name_lock_);
  credentials_ = credentials;
}

std::string Task::name() const {
  const LockGuard guard(name_lock_);
  return name_;
}

void Task::set_name(std::string name) {
  const LockGuard guard(name_lock_);
  name_ = std::move(name);
}

Result<void> may_inspect(const Task& caller, Task& subject, CallerIds ids) {
  if (&caller.process() == &subject.process()) return {};
  const bool is_dumpable = subject.process().is_dumpable;
  return may_inspect(caller.credentials(), subject.credentials(),
                     is_dumpable ? Dumpable::kYes : Dumpable::kNo, ids);
}

}  // namespace gonzo
