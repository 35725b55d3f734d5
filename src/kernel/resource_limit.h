// Resource limits. Linux: struct rlimit, include/asm-generic/resource.h.
#pragma once

#include <array>
#include <cstdint>

namespace gonzo {

inline constexpr int kResourceLimits = 16;
inline constexpr std::uint64_t kUnlimited = ~0ULL;

struct ResourceLimit {
  std::uint64_t soft = kUnlimited, hard = kUnlimited;
};

/// Indexed by RLIMIT_*.
using ResourceLimits = std::array<ResourceLimit, kResourceLimits>;

/// What Linux gives its first process, where a program could notice (Linux: INIT_RLIMITS).
constexpr ResourceLimits default_limits() {
  ResourceLimits limits{};
  limits[3] = {8ULL << 20, kUnlimited};  // RLIMIT_STACK
  limits[4] = {0, kUnlimited};           // RLIMIT_CORE
  limits[7] = {1024, 4096};              // RLIMIT_NOFILE
  limits[8] = {8ULL << 20, 8ULL << 20};  // RLIMIT_MEMLOCK
  limits[11] = {1024, 1024};             // RLIMIT_SIGPENDING
  limits[12] = {819200, 819200};         // RLIMIT_MSGQUEUE
  limits[13] = {0, 0};                   // RLIMIT_NICE
  limits[14] = {0, 0};                   // RLIMIT_RTPRIO
  return limits;
}

}  // namespace gonzo
