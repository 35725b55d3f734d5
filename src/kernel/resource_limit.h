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
inline constexpr ResourceLimits kDefaultLimits{{
    {kUnlimited, kUnlimited},  // RLIMIT_CPU
    {kUnlimited, kUnlimited},  // RLIMIT_FSIZE
    {kUnlimited, kUnlimited},  // RLIMIT_DATA
    {8ULL << 20, kUnlimited},  // RLIMIT_STACK
    {0, kUnlimited},           // RLIMIT_CORE
    {kUnlimited, kUnlimited},  // RLIMIT_RSS
    {kUnlimited, kUnlimited},  // RLIMIT_NPROC
    {1024, 4096},              // RLIMIT_NOFILE
    {8ULL << 20, 8ULL << 20},  // RLIMIT_MEMLOCK
    {kUnlimited, kUnlimited},  // RLIMIT_AS
    {kUnlimited, kUnlimited},  // RLIMIT_LOCKS
    {1024, 1024},              // RLIMIT_SIGPENDING
    {819200, 819200},          // RLIMIT_MSGQUEUE
    {0, 0},                    // RLIMIT_NICE
    {0, 0},                    // RLIMIT_RTPRIO
    {kUnlimited, kUnlimited},  // RLIMIT_RTTIME
}};

}  // namespace gonzo
