#include "kernel/interval_timer.h"

#include <csignal>
#include <tuple>

#include "kernel/process.h"
#include "kernel/signal.h"

namespace gonzo {
namespace {

using Kind = IntervalTimer::Kind;

std::shared_ptr<const TimerClock> clock_of(const std::weak_ptr<Process>& process, Kind kind) {
  if (kind == Kind::kReal) return std::make_shared<const RealTimeClock>();
  return std::make_shared<const CpuTimeClock>(
      process, kind == Kind::kVirtual ? CpuClockKind::kUser : CpuClockKind::kAll);
}

int signal_of(Kind kind) {
  switch (kind) {
    case Kind::kVirtual:
      return SIGVTALRM;
    case Kind::kProfile:
      return SIGPROF;
    case Kind::kReal:
      break;
  }
  return SIGALRM;
}

}  // namespace

IntervalTimer::IntervalTimer(DeadlineQueue& queue, const std::weak_ptr<Process>& process, Kind kind)
    : RepeatingTimer(queue, clock_of(process, kind),
                     {.resolution = std::chrono::microseconds(1), .least_gap = {}}),
      process_(process),
      kind_(kind) {}

IntervalTimer::Setting IntervalTimer::set(const Setting& wanted) {
  const LockGuard guard(lock_);
  return replace(wanted.left > Duration(0) ? Arming::kStart : Arming::kStop, wanted);
}

void IntervalTimer::notify(std::int64_t /*missed*/) {
  if (const auto process = process_.lock()) {
    std::ignore = send_signal(*process, SignalInfo::fault(signal_of(kind_), SI_KERNEL, 0));
  }
}

}  // namespace gonzo
