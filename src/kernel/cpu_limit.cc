#include "kernel/cpu_limit.h"

#include <algorithm>
#include <csignal>
#include <tuple>

#include "kernel/process.h"
#include "kernel/signal.h"

namespace gonzo {

CpuLimit::CpuLimit(DeadlineQueue& queue, const std::weak_ptr<Process>& process)
    : RepeatingTimer(queue, std::make_shared<const CpuTimeClock>(process, CpuClockKind::kAll),
                     {.resolution = {}, .least_gap = {}}),
      process_(process) {}

void CpuLimit::set(const ResourceLimit& limit) {
  constexpr std::uint64_t kLongest = 9'000'000'000;  // seconds that nanoseconds can hold
  const std::chrono::seconds soft(std::min(limit.soft, kLongest));
  const LockGuard guard(lock_);
  const auto now = clock().now();
  const bool counts = limit.soft < kLongest && now;
  replace(counts ? Arming::kStart : Arming::kStop,
          {.left = counts ? std::max(soft - *now, Duration(0)) : Duration(0)});
}

void CpuLimit::notify(std::int64_t /*missed*/) {
  const auto process = process_.lock();
  const auto now = clock().now();
  if (process == nullptr || !now) return;
  const int signal = process->exceed_cpu_limit(*now);
  if (signal == 0) return;
  std::ignore = send_signal(*process, SignalInfo::fault(signal, SI_KERNEL, 0));
}

}  // namespace gonzo
