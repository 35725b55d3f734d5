#include "kernel/timer_clock.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "kernel/process_table.h"
#include "kernel/task.h"

namespace gonzo {

std::optional<TimerClock::Duration> RealTimeClock::now() const {
  return std::chrono::steady_clock::now().time_since_epoch();
}

CpuTimeClock::CpuTimeClock(std::weak_ptr<Process> process, CpuClockKind kind)
    : process_(std::move(process)), kind_(kind) {}

CpuTimeClock::CpuTimeClock(std::weak_ptr<Task> task, CpuClockKind kind)
    : task_(std::move(task)), kind_(kind) {}

/// Linux: pid_for_clock.
Result<std::shared_ptr<const CpuTimeClock>> CpuTimeClock::find(Task& caller,
                                                               const CpuClockNumber& number) {
  ProcessTable& processes = caller.process().system().processes();
  if (number.of == CpuClockNumber::Of::kThread) {
    const auto task = processes.find_task(number.id != 0 ? number.id : caller.tid());
    if (task == nullptr || &task->process() != &caller.process()) return fail(Errno::kInval);
    return std::make_shared<const CpuTimeClock>(task, number.kind);
  }
  const auto process = processes.find(number.id != 0 ? number.id : caller.process().pid());
  if (process == nullptr) return fail(Errno::kInval);
  return std::make_shared<const CpuTimeClock>(process, number.kind);
}

TimerClock::Duration CpuTimeClock::used() const {
  if (const auto task = task_.lock()) return task->cpu_time().of(kind_);
  if (const auto process = process_.lock()) return process->cpu_time().of(kind_);
  return {};
}

std::optional<TimerClock::Duration> CpuTimeClock::now() const {
  // Others may hold who has ended.
  const auto task = task_.lock();
  const auto process = process_.lock();
  const bool goes_on =
      (task != nullptr && !task->has_ended()) || (process != nullptr && process->task_count() > 0);
  return goes_on ? std::optional(used()) : std::nullopt;
}

TimerClock::Duration CpuTimeClock::soonest(Duration left) const {
  // As many threads as can run at once bring it about together.
  std::size_t threads = 1;
  if (const auto process = process_.lock()) {
    const std::size_t processors = std::max(std::thread::hardware_concurrency(), 1U);
    threads = std::clamp<std::size_t>(process->task_count(), 1, processors);
  }
  return std::max(left / static_cast<Duration::rep>(threads), kTick);
}

}  // namespace gonzo
