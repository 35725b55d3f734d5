// What glibc 2.36's <sys/mman.h> does not have yet.
#pragma once

#include <sys/mman.h>

namespace gonzo {

inline constexpr int kMapAbove4G = 0x80;    ///< asm/mman.h
inline constexpr int kDontNeedLocked = 24;  ///< asm-generic/mman-common.h, MADV_DONTNEED_LOCKED

}  // namespace gonzo
