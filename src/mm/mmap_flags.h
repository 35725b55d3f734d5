// What Linux 6.1's <linux/mman.h> does not have yet. (Not <sys/mman.h>: mm makes no host call.)
#pragma once

#include <linux/mman.h>

namespace gonzo {

inline constexpr int kMapAbove4G = 0x80;       ///< asm/mman.h, since Linux 6.6
inline constexpr int kMapDroppable = 0x08;     ///< linux/mman.h, since Linux 6.11
inline constexpr int kMadvGuardInstall = 102;  ///< asm-generic/mman-common.h, since Linux 6.13
inline constexpr int kMadvGuardRemove = 103;   ///< the same

}  // namespace gonzo
