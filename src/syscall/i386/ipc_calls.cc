// ipc(2), which stands for all of System V's calls. Linux: compat_ksys_ipc (ipc/syscall.c).
#include "syscall/handlers.h"
#include "syscall/i386/handlers.h"

namespace gonzo {

namespace {

enum : unsigned { kAttach = 21, kDetach = 22, kGet = 23, kControl = 24 };
constexpr unsigned kMessageOrSemaphoreEnd = 14;

std::int64_t with(const Call& call, SyscallHandlerFunction handler, const Arguments& arguments) {
  Call inner = call;
  inner.arguments = arguments;
  return handler(inner);
}

/// The address goes where the third argument points.
std::int64_t attach(const Call& call, bool in_order) {
  if (!in_order) return -EINVAL;
  const std::int64_t start = with(call, sys_shmat, {call[1], call[4], call[2]});
  if (is_error(start)) return start;
  return raw(call.memory().store(call.address(3), static_cast<std::uint32_t>(start)));
}

}  // namespace

std::int64_t i386_ipc(Call& call) {
  const unsigned version = call.word(0) >> 16, operation = call.word(0) & 0xffff;
  switch (operation) {
    case kAttach:
      return attach(call, version != 1);
    case kDetach:
      return with(call, sys_shmdt, {call[4]});
    case kGet:
      return with(call, sys_shmget, {call[1], call[2], call[3]});
    case kControl:
      return with(call, sys_shmctl, {call[1], call[2], call[4]});
    default:
      return operation <= kMessageOrSemaphoreEnd ? -ENOSYS : -EINVAL;
  }
}

}  // namespace gonzo
