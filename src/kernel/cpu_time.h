// What processor time guests have used. Linux: struct task_cputime.
#pragma once

#include <sys/types.h>

#include <chrono>

#include <gonzo/base/cpu_clock_number.h>

namespace gonzo {

struct CpuTime {
  std::chrono::nanoseconds user{0}, system{0};

  std::chrono::nanoseconds total() const { return user + system; }
  std::chrono::nanoseconds of(CpuClockKind kind) const {
    return kind == CpuClockKind::kUser ? user : total();
  }
  CpuTime& operator+=(const CpuTime& other) {
    user += other.user;
    system += other.system;
    return *this;
  }
};

/// Of a thread of the runner, by the host's clock. Zero: there is none of that number.
std::chrono::nanoseconds host_thread_time(pid_t thread);

}  // namespace gonzo
