// struct flock in the two sizes that i386 knows. Linux: do_compat_fcntl64 (fs/fcntl.c).
#pragma once

#include <fcntl.h>

#include <cstdint>
#include <optional>

#include "syscall/call.h"

namespace gonzo {

enum class LockSize : std::uint8_t {
  kOld,    ///< offsets of 32 bits
  kLarge,  ///< of 64
};

struct I386LockKind {
  LockSize size;
  int native_command;  ///< x86-64's, whose only size is the large one
};

/// Any F_*LK command of i386's.
bool is_i386_lock_command(int command);
/// None: fcntl, the older call, does not know the large ones.
std::optional<I386LockKind> i386_lock_kind(int command, Layout layout);

/// EFAULT.
Result<struct flock> load_lock(Call& call, VirtAddr from, LockSize size);
/// EFAULT; EOVERFLOW: the offset does not fit.
Result<void> store_lock(Call& call, VirtAddr to, const struct flock& lock, LockSize size);

}  // namespace gonzo
