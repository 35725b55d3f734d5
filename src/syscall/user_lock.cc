#include "syscall/user_lock.h"

#include <algorithm>

namespace gonzo {
namespace {

template <typename Offset>
struct [[gnu::packed]] NarrowLock {
  std::int16_t type, whence;
  Offset start, length;
  std::int32_t pid;

  struct flock widened() const {
    struct flock lock{};
    lock.l_type = type;
    lock.l_whence = whence;
    lock.l_start = start;
    lock.l_len = length;
    lock.l_pid = pid;
    return lock;
  }
  static NarrowLock of(const struct flock& lock) {
    return {.type = lock.l_type,
            .whence = lock.l_whence,
            .start = static_cast<Offset>(lock.l_start),
            .length = static_cast<Offset>(lock.l_len),
            .pid = lock.l_pid};
  }
};
using OldLock = NarrowLock<std::int32_t>;
using LargeLock = NarrowLock<std::int64_t>;
static_assert(sizeof(OldLock) == 16 && sizeof(LargeLock) == 24);

// F_GETLK64 and its kin, which asm-generic/fcntl.h has for 32-bit machines only.
constexpr int kGetLarge = 12, kSetLargeWait = 14;

}  // namespace

bool is_i386_lock_command(int command) {
  return (command >= F_GETLK && command <= F_SETLKW) ||
         (command >= kGetLarge && command <= kSetLargeWait) ||
         (command >= F_OFD_GETLK && command <= F_OFD_SETLKW);
}

std::optional<I386LockKind> i386_lock_kind(int command, Layout layout) {
  if (command <= F_SETLKW) return I386LockKind{LockSize::kOld, command};
  if (layout != Layout::kI386Large) return std::nullopt;
  const bool large = command <= kSetLargeWait;
  return I386LockKind{LockSize::kLarge, large ? command - kGetLarge + F_GETLK : command};
}

Result<struct flock> load_lock(Call& call, VirtAddr from, LockSize size) {
  if (size == LockSize::kOld) {
    GONZO_ASSIGN(const auto lock, call.memory().load<OldLock>(from));
    return lock.widened();
  }
  GONZO_ASSIGN(const auto lock, call.memory().load<LargeLock>(from));
  return lock.widened();
}

Result<void> store_lock(Call& call, VirtAddr to, const struct flock& lock, LockSize size) {
  if (size == LockSize::kLarge) return call.memory().store(to, LargeLock::of(lock));
  // Linux: fixup_compat_flock.
  struct flock fitting = lock;
  if (lock.l_start > INT32_MAX) return fail(Errno::kOverflow);
  fitting.l_len = std::min<off_t>(lock.l_len, INT32_MAX);
  return call.memory().store(to, OldLock::of(fitting));
}

}  // namespace gonzo
