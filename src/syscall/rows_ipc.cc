// System V shared memory.
#include <sys/syscall.h>

#include "syscall/handlers.h"
#include "syscall/table.h"

namespace gonzo {

namespace {

constexpr SyscallRow kRows[] = {
    {SYS_shmget, "shmget", call(sys_shmget, hex(), size(), mode())},
    {SYS_shmat, "shmat",
     call(sys_shmat, integer(), address(), flags(symbols::kShmAttach)).returns(Returns::kAddress)},
    {SYS_shmdt, "shmdt", call(sys_shmdt, address())},
    {SYS_shmctl, "shmctl",
     call(sys_shmctl, integer(), flags(symbols::kShmControl), pointer(Direction::kInOut))},
};

}  // namespace

std::span<const SyscallRow> ipc_rows() { return kRows; }

}  // namespace gonzo
