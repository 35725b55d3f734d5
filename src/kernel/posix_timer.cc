#include "kernel/posix_timer.h"

#include <algorithm>
#include <climits>
#include <csignal>
#include <tuple>

#include "kernel/process_table.h"
#include "kernel/signal.h"
#include "kernel/task.h"

namespace gonzo {

namespace {

/// Linux starts a timer again when its signal is taken, so that the shortest interval harms nobody
/// but its owner. Here the queue's thread sends and starts it, and no more often than this.
constexpr auto kLeastInterval = std::chrono::microseconds(50);

int clamped(std::int64_t count) { return static_cast<int>(std::min<std::int64_t>(count, INT_MAX)); }

}  // namespace

PosixTimer::PosixTimer(DeadlineQueue& queue, std::weak_ptr<Process> process, int number,
                       const Setup& setup)
    : RepeatingTimer(queue, setup.clock, {.resolution = Duration(1), .least_gap = kLeastInterval}),
      process_(std::move(process)),
      number_(number),
      clock_id_(setup.clock_id),
      notice_(setup.notice) {}

PosixTimer::Setting PosixTimer::set(Arming arming, const Setting& wanted) {
  const LockGuard guard(lock_);
  counted_ = taken_ = 0;
  return replace(arming, arming == Arming::kStart ? wanted : Setting{});
}

int PosixTimer::overrun() const {
  const bool pends = count(0).has_value();
  const LockGuard guard(lock_);
  return pends ? taken_ : counted_;
}

std::optional<int> PosixTimer::count(int missed) const {
  const auto process = process_.lock();
  if (process == nullptr) return std::nullopt;
  if (notice_.thread == 0) return process->pending().count_timer(number_, missed);
  const auto task = process->system().processes().find_task(notice_.thread);
  return task != nullptr ? task->pending().count_timer(number_, missed) : std::nullopt;
}

void PosixTimer::notify(std::int64_t missed) {
  if (notice_.signal != 0) send(clamped(missed));
}

void PosixTimer::send(int missed) {
  const auto still = count(missed + 1);
  {
    const LockGuard guard(lock_);
    if (!still) taken_ = counted_;
    counted_ = still.value_or(missed);
  }
  const auto process = process_.lock();
  if (still || process == nullptr) return;
  constexpr unsigned kHalf = 32;  // si_timerid, then si_overrun
  const auto number = static_cast<unsigned>(number_);
  SignalInfo info{.signal = notice_.signal, .code = SI_TIMER};
  info.fields[0] = number | std::uint64_t{static_cast<unsigned>(missed)} << kHalf;
  info.fields[1] = notice_.value.value_or(number);
  if (notice_.thread == 0) {
    std::ignore = send_signal(*process, info);
  } else if (const auto task = process->system().processes().find_task(notice_.thread)) {
    std::ignore = send_signal(*task, info);
  }
}

Result<int> PosixTimers::create(DeadlineQueue& queue, const std::weak_ptr<Process>& process,
                                const PosixTimer::Setup& setup) {
  const LockGuard guard(lock_);
  if (timers_.size() == INT_MAX) return fail(Errno::kAgain);
  while (timers_.contains(next_)) next_ = next_ == INT_MAX ? 0 : next_ + 1;
  const int number = next_;
  next_ = next_ == INT_MAX ? 0 : next_ + 1;
  timers_.emplace(number, std::make_shared<PosixTimer>(queue, process, number, setup));
  return number;
}

Result<std::shared_ptr<PosixTimer>> PosixTimers::find(int number) const {
  const LockGuard guard(lock_);
  const auto found = timers_.find(number);
  if (found == timers_.end()) return fail(Errno::kInval);
  return found->second;
}

Result<void> PosixTimers::remove(int number) {
  std::shared_ptr<PosixTimer> removed;
  {
    const LockGuard guard(lock_);
    const auto found = timers_.find(number);
    if (found == timers_.end()) return fail(Errno::kInval);
    removed = std::move(found->second);
    timers_.erase(found);
  }
  removed->set(PosixTimer::Arming::kStop, {});
  return {};
}

void PosixTimers::clear() {
  std::map<int, std::shared_ptr<PosixTimer>> all;
  {
    const LockGuard guard(lock_);
    all.swap(timers_);
    next_ = 0;
  }
  for (const auto& [number, timer] : all) timer->set(PosixTimer::Arming::kStop, {});
}

}  // namespace gonzo
