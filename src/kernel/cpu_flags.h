// EFLAGS as a signal frame saves and restores them. Intel SDM vol. 1, 3.4.3.
#pragma once

#include <cstdint>

namespace gonzo::cpu_flag {

inline constexpr std::uint64_t kCarry = 1, kParity = 4, kAdjust = 0x10, kZero = 0x40, kSign = 0x80;
inline constexpr std::uint64_t kTrap = 0x100, kDirection = 0x400, kOverflow = 0x800;
inline constexpr std::uint64_t kResume = 0x10000, kAlignmentCheck = 0x40000;

/// What a program's own frame may change (Linux: FIX_EFLAGS).
inline constexpr std::uint64_t kRestored = kCarry | kParity | kAdjust | kZero | kSign | kTrap |
                                           kDirection | kOverflow | kResume | kAlignmentCheck;
/// Clear when a handler starts.
inline constexpr std::uint64_t kClearedForHandler = kDirection | kResume | kTrap;

}  // namespace gonzo::cpu_flag
