// Locked memory: the address space does it all.
#include "syscall/handlers.h"

namespace gonzo {

std::int64_t sys_mlock(Call& call) {
  return raw(call.memory().lock_memory(call.address(0), call[1], 0));
}

std::int64_t sys_mlock2(Call& call) {
  return raw(call.memory().lock_memory(call.address(0), call[1], call.integer(2)));
}

std::int64_t sys_munlock(Call& call) {
  return raw(call.memory().unlock_memory(call.address(0), call[1]));
}

std::int64_t sys_mlockall(Call& call) { return raw(call.memory().lock_all(call.integer(0))); }

std::int64_t sys_munlockall(Call& call) {
  call.memory().unlock_all();
  return 0;
}

}  // namespace gonzo
