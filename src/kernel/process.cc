#include "kernel/process.h"

#include <linux/capability.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <ctime>

#include "frame/object_memory.h"
#include "kernel/host_futex.h"
#include "kernel/kernel_memory.h"
#include "kernel/privilege.h"
#include "kernel/system.h"
#include "kernel/task.h"

namespace gonzo {
namespace {

constexpr std::uint64_t kMostDescriptors = 1 << 20;  // Linux: fs.nr_open

unsigned descriptor_limit(const ResourceLimits& limits) {
  return static_cast<unsigned>(std::min(limits[RLIMIT_NOFILE].soft, kMostDescriptors));
}

std::chrono::nanoseconds since_boot() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

void set_numbers(const ResourceLimits& limits, AddressSpaceLimits& to) {
  to.address_space = limits[RLIMIT_AS].soft;
  to.data = limits[RLIMIT_DATA].soft;
  to.stack = limits[RLIMIT_STACK].soft;
  to.locked = limits[RLIMIT_MEMLOCK].soft;
  to.hard_data = limits[RLIMIT_DATA].hard;
}

SlabCache* cache_of(System& system) { return &system.kernel_memory().process_cache(); }

}  // namespace

Process::Process(System& system, int pid) : system_(system), pid_(pid), started_at_(since_boot()) {}

Result<std::unique_ptr<Process>> Process::create_bare(System& system, int pid) {
  GONZO_ASSIGN(Process* const memory, allocate_object<Process>(cache_of(system)));
  return std::unique_ptr<Process>(::new (memory) Process(system, pid));
}

void Process::operator delete(Process* process, std::destroying_delete_t) {
  end_object(process, cache_of(process->system()));
}

Result<std::unique_ptr<Process>> Process::create(System& system, int pid,
                                                 const Inheritance& inheritance) {
  GONZO_ASSIGN(std::unique_ptr<Process> process, create_bare(system, pid));
  {
    const LockGuard guard(process->limits_lock_);
    process->limits_ = inheritance.limits;
  }
  process->initial_signal_mask_ = inheritance.blocked_signals;
  process->oom_adjustment = inheritance.oom_adjustment;
  process->least_oom_adjustment = std::min(inheritance.oom_adjustment, 0);
  process->actions_ = std::make_shared<SignalActions>();
  process->actions_->ignore(inheritance.ignored_signals);
  GONZO_ASSIGN(process->memory_, ProcessMemory::create(system, system.default_paging_format(),
                                                       process->memory_limits(), pid));
  process->files_ = std::make_shared<FileTable>(descriptor_limit(inheritance.limits));
  for (const Inheritance::Descriptor& descriptor : inheritance.descriptors) {
    GONZO_TRY(process->files_->insert_at(descriptor.number, descriptor.file, CloseOnExec::kNo));
  }
  return process;
}

Result<std::unique_ptr<Process>> Process::fork(int pid, const ProcessSharing& sharing) {
  GONZO_ASSIGN(std::unique_ptr<Process> child, create_bare(system_, pid));
  const ResourceLimits limits = this->limits();
  {
    const LockGuard guard(child->limits_lock_);
    child->limits_ = limits;
  }
  child->image_ = image_;
  child->is_dumpable = is_dumpable.load();
  child->oom_adjustment = oom_adjustment.load();
  child->least_oom_adjustment = least_oom_adjustment.load();
  child->files_ = sharing.files == Sharing::kShare ? files_ : std::make_shared<FileTable>(*files_);
  child->actions_ =
      sharing.actions == Sharing::kShare ? actions_ : std::make_shared<SignalActions>(*actions_);
  if (sharing.memory == Sharing::kShare) {
    child->memory_ = memory_;
  } else {
    GONZO_ASSIGN(child->memory_, memory_->fork(system_, pid));
  }
  return child;
}

Result<void> Process::renew_memory(PagingFormat format) {
  GONZO_ASSIGN(memory_, ProcessMemory::create(system_, format, memory_limits(), pid_));
  return {};
}

Process::~Process() = default;

void Process::set_image(ProgramImage image) {
  auto made = std::make_shared<const ProgramImage>(std::move(image));
  const LockGuard guard(lock_);
  image_ = std::move(made);
}

ResourceLimits Process::limits() const {
  const LockGuard guard(limits_lock_);
  return limits_;
}

void Process::set_limit(unsigned resource, const ResourceLimit& limit) {
  {
    const LockGuard guard(limits_lock_);
    limits_[resource] = limit;
  }
  if (resource == RLIMIT_CPU) start_cpu_limit();
  if (resource == RLIMIT_NOFILE) {
    if (const auto files = files_ref()) {
      files->set_limit(static_cast<unsigned>(std::min(limit.soft, kMostDescriptors)));
    }
  }
  const auto memory = memory_ref();
  if (memory == nullptr) return;
  // Its privileges are its own, whoever sets the limit.
  AddressSpaceLimits limits = memory->space().limits();
  set_numbers(this->limits(), limits);
  memory->space().set_limits(limits);
}

AddressSpaceLimits Process::memory_limits() const {
  AddressSpaceLimits limits{.locks_freely = has_capability(CAP_IPC_LOCK),
                            .is_admin = has_capability(CAP_SYS_ADMIN)};
  set_numbers(this->limits(), limits);
  return limits;
}

void Process::update_memory_limits() { memory().set_limits(memory_limits()); }

std::shared_ptr<ProcessMemory> Process::memory_ref() const {
  const LockGuard guard(lock_);
  return memory_;
}

std::shared_ptr<FileTable> Process::files_ref() const {
  const LockGuard guard(lock_);
  return files_;
}

std::shared_ptr<const ProgramImage> Process::image_ref() const {
  const LockGuard guard(lock_);
  return image_;
}

std::shared_ptr<SignalActions> Process::actions_ref() const {
  const LockGuard guard(lock_);
  return actions_;
}

Process::Ended Process::ended_leader() const {
  const LockGuard guard(lock_);
  return ended_leader_;
}

std::shared_ptr<ProcessMemory> Process::replace_memory(std::shared_ptr<ProcessMemory> memory) {
  if (files_.use_count() > 1) {
    auto own = std::make_shared<FileTable>(*files_);
    const LockGuard guard(lock_);
    files_ = std::move(own);
  }
  if (actions_.use_count() > 1) {
    auto own = std::make_shared<SignalActions>(*actions_);
    const LockGuard guard(lock_);
    actions_ = std::move(own);
  }
  const LockGuard guard(lock_);
  std::swap(memory_, memory);
  return memory;
}

void Process::end_vfork() {
  if (vfork_end_ == nullptr) return;
  vfork_end_->complete();
  vfork_end_.reset();
}

IntervalTimer& Process::interval_timer(IntervalTimer::Kind kind) {
  const LockGuard guard(lock_);
  auto& timer = interval_timers_[static_cast<std::size_t>(kind)];
  if (timer == nullptr) {
    timer = std::make_shared<IntervalTimer>(system_.deadlines(), weak_from_this(), kind);
  }
  return *timer;
}

void Process::start_cpu_limit() {
  const ResourceLimit limit = limits()[RLIMIT_CPU];
  std::shared_ptr<CpuLimit> timer;
  {
    const LockGuard guard(lock_);
    if (cpu_limit_ == nullptr && limit.soft != kUnlimited) {
      cpu_limit_ = std::make_shared<CpuLimit>(system_.deadlines(), weak_from_this());
    }
    timer = cpu_limit_;
  }
  if (timer != nullptr) timer->set(limit);
}

int Process::exceed_cpu_limit(std::chrono::nanoseconds used) {
  const auto seconds = static_cast<std::uint64_t>(used / std::chrono::seconds(1));
  int signal = 0;
  {
    const LockGuard guard(limits_lock_);
    ResourceLimit& limit = limits_[RLIMIT_CPU];
    if (limit.soft != kUnlimited && seconds >= limit.hard) return SIGKILL;
    if (seconds >= limit.soft) {
      signal = SIGXCPU;
      ++limit.soft;
    }
  }
  start_cpu_limit();
  return signal;
}

CpuTime Process::cpu_time() const {
  const LockGuard guard(lock_);
  CpuTime time = ended_time_;
  for (Task* task : tasks_) time += task->cpu_time();
  return time;
}

void Process::signals_changed(SignalSet arrived) {
  if (signal_files_.empty()) return;
  const auto pending = [this] {
    SignalSet all = pending_.set();
    for_each_task([&](Task& task) { all |= task.pending().set(); });
    return all;
  };
  signal_files_.show(pending, arrived);
}

void Process::release() {
  end_vfork();
  for (const auto& timer : interval_timers_) {
    if (timer != nullptr) timer->set({});
  }
  if (cpu_limit_ != nullptr) cpu_limit_->set({});
  posix_timers_.clear();
  std::shared_ptr<ProcessMemory> memory;  // torn down after the lock
  std::shared_ptr<FileTable> files;
  const LockGuard guard(lock_);
  memory.swap(memory_);
  files.swap(files_);
}

// ---- threads ----

bool Process::attach(Task& task) {
  const LockGuard guard(lock_);
  if (group_exit_ || survivor_ != nullptr) return false;
  tasks_.push_back(&task);
  return true;
}

bool Process::is_last(const Task& task) const {
  const LockGuard guard(lock_);
  return tasks_.size() == 1 && tasks_.front() == &task;
}

Process::Detached Process::detach(Task& task) {
  const LockGuard guard(lock_);
  if (std::erase(tasks_, &task) == 0) return Detached::kNot;
  ended_time_ += task.cpu_time();
  if (task.tid() == pid_) {
    leader_status_ = task.exit_status().value_or(ExitStatus{});
    ended_leader_ = {task.name(), task.credentials()};
  }
  tasks_changed_.notify_all();
  if (tasks_.empty()) return Detached::kWasLast;
  // What it was told to look at, somebody else must.
  if (pending_.set() != 0) wake_all();
  return Detached::kOthersStay;
}

void Process::for_each_task(FunctionRef<void(Task&)> visit) const {
  const LockGuard guard(lock_);
  for (Task* task : tasks_) visit(*task);
}

std::size_t Process::task_count() const {
  const LockGuard guard(lock_);
  return tasks_.size();
}

std::vector<int> Process::task_ids() const {
  const LockGuard guard(lock_);
  std::vector<int> ids;
  ids.reserve(tasks_.size());
  for (const Task* task : tasks_) ids.push_back(task->tid());
  return ids;
}

void Process::wake_all() {
  for (Task* task : tasks_) task->notify();
}

bool Process::begin_exit(const ExitStatus& status) {
  const LockGuard guard(lock_);
  if (group_exit_) return false;
  group_exit_ = status;
  wake_stopped();
  for (Task* task : tasks_) {
    if (Completion* awaited = task->killable_wait) awaited->complete();
    task->notify();
  }
  return true;
}

std::optional<ExitStatus> Process::group_exit() const {
  const LockGuard guard(lock_);
  return group_exit_;
}

ExitStatus Process::exit_status() const {
  const LockGuard guard(lock_);
  return group_exit_.value_or(leader_status_);
}

bool Process::end_other_tasks(Task& survivor) {
  LockGuard guard(lock_);
  if (group_exit_ || survivor_ != nullptr) return false;
  survivor_ = &survivor;
  for (Task* task : tasks_) {
    if (task == &survivor) continue;
    task->must_exit.store(true, std::memory_order_release);
    if (Completion* awaited = task->killable_wait) awaited->complete();
    task->notify();
  }
  wake_stopped();
  while (tasks_.size() > 1) tasks_changed_.wait(lock_);
  survivor_ = nullptr;
  return !group_exit_.has_value();
}

void Process::wait_killably(Task& task, Completion& completion) {
  {
    const LockGuard guard(lock_);
    if (group_exit_) return;
    task.killable_wait = &completion;
  }
  {
    const StallClock::Wait wait(system_.memory().stalls());
    completion.wait();
  }
  const LockGuard guard(lock_);
  task.killable_wait = nullptr;
}

// ---- stopping ----

void Process::wake_stopped() {
  stop_signal_ = 0;
  if (stop_word_.exchange(0, std::memory_order_acq_rel) == 0) return;
  gonzo::wake_all(&stop_word_);
}

bool Process::begin_stop(int signal) {
  const LockGuard guard(lock_);
  if (group_exit_ || stop_signal_ != 0) return false;
  stop_signal_ = signal;
  stopped_tasks_ = 0;
  stop_word_.store(1, std::memory_order_release);
  wake_all();
  return true;
}

bool Process::resume() {
  const LockGuard guard(lock_);
  if (stop_signal_ == 0) return false;
  wake_stopped();
  return true;
}

void Process::wait_while_stopped(FunctionRef<void(int signal)> stopped) {
  int signal = 0;
  {
    const LockGuard guard(lock_);
    if (stop_signal_ == 0) return;
    if (++stopped_tasks_ == tasks_.size()) signal = stop_signal_;
  }
  if (signal != 0) stopped(signal);
  const StallClock::Wait wait(system_.memory().stalls());
  while (is_stopped()) wait_while(&stop_word_, 1);
}

void Process::wake_for_signal(int signal) {
  const LockGuard guard(lock_);
  const SignalSet bit = signal_bit(signal);
  const auto wants = [bit](const Task* task) { return (task->blocked_signals() & bit) == 0; };
  const auto found = std::ranges::find_if(tasks_, wants);
  if (found != tasks_.end()) (*found)->notify();
}

}  // namespace gonzo
