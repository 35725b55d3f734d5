// The bits of a word of /proc/PID/pagemap. Linux: Documentation/admin-guide/mm/pagemap.rst.
#pragma once

#include <cstdint>

namespace gonzo::pagemap {

inline constexpr std::uint64_t kFrameMask = (1ULL << 55) - 1;  ///< of a present page
inline constexpr std::uint64_t kExclusive = 1ULL << 56;        ///< one entry maps it
inline constexpr std::uint64_t kFileOrShared = 1ULL << 61;
inline constexpr std::uint64_t kSwapped = 1ULL << 62;
inline constexpr std::uint64_t kPresent = 1ULL << 63;

}  // namespace gonzo::pagemap
