// RLIMIT_CPU. Linux: check_process_timers in kernel/time/posix-cpu-timers.c.
#pragma once

#include "kernel/repeating_timer.h"
#include "kernel/resource_limit.h"

namespace gonzo {

class Process;

/// From the soft limit on SIGXCPU each second, at the hard one SIGKILL. Thread-safe.
class CpuLimit final : public RepeatingTimer {
 public:
  CpuLimit(DeadlineQueue& queue, const std::weak_ptr<Process>& process);

  /// In seconds. Without a soft limit the hard one is not looked at.
  void set(const ResourceLimit& limit) GONZO_EXCLUDES(lock_);

 private:
  void notify(std::int64_t missed) override;

  const std::weak_ptr<Process> process_;
};

}  // namespace gonzo
