#include "kernel/cpu_time.h"

#include <ctime>

namespace gonzo {

std::chrono::nanoseconds host_thread_time(pid_t thread) {
  timespec time{};
  const CpuClockNumber clock{.id = thread, .of = CpuClockNumber::Of::kThread};
  if (thread <= 0 || clock_gettime(clock.encode(), &time) != 0) return {};
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace gonzo
