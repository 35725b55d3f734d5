// Times and faults as the calls tell them.
#pragma once

#include <sys/resource.h>

#include <chrono>

#include "kernel/usage.h"

namespace gonzo {

inline timeval to_timeval(std::chrono::nanoseconds time) {
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  return {.tv_sec = whole / 1'000'000, .tv_usec = whole % 1'000'000};
}

inline rusage to_rusage(const Usage& usage) {
  constexpr std::uint64_t kKiloBytesPerPage = 4;
  rusage result{};
  result.ru_utime = to_timeval(usage.user);
  result.ru_stime = to_timeval(usage.system);
  result.ru_maxrss = static_cast<long>(usage.peak_rss_pages * kKiloBytesPerPage);
  result.ru_minflt = static_cast<long>(usage.minor_faults);
  result.ru_majflt = static_cast<long>(usage.major_faults);
  return result;
}

}  // namespace gonzo
