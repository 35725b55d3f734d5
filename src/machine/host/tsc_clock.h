// Turns time-stamp counter ticks into time without calibrating in advance.
#pragma once

#include <x86intrin.h>

#include <chrono>
#include <cstdint>

namespace gonzo {

/// The longer it lives, the more exact. Thread-safe.
class TscClock {
 public:
  TscClock() : start_ticks_(__rdtsc()), start_(std::chrono::steady_clock::now()) {}

  std::chrono::nanoseconds duration(std::uint64_t ticks) const {
    const std::uint64_t ticks_so_far = __rdtsc() - start_ticks_;
    if (ticks_so_far == 0) return {};
    const std::chrono::nanoseconds so_far = std::chrono::steady_clock::now() - start_;
    const double share = static_cast<double>(ticks) / static_cast<double>(ticks_so_far);
    return std::chrono::nanoseconds(
        static_cast<std::int64_t>(share * static_cast<double>(so_far.count())));
  }

 private:
  std::uint64_t start_ticks_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace gonzo
