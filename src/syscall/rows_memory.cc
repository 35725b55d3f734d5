// Memory.
#include <sys/mman.h>
#include <sys/syscall.h>

#include "syscall/handlers.h"
#include "syscall/table.h"

namespace gonzo {

namespace {

constexpr SyscallRow kRows[] = {
    {SYS_mmap, "mmap",
     call(sys_mmap, address(), size(), flags(symbols::kProtection), flags(symbols::kMap), fd(),
          hex())
         .returns(Returns::kAddress)},
    {SYS_munmap, "munmap", call(sys_munmap, address(), size())},
    {SYS_mprotect, "mprotect", call(sys_mprotect, address(), size(), flags(symbols::kProtection))},
    {SYS_brk, "brk", call(sys_brk, address()).returns(Returns::kAddress)},
    {SYS_mremap, "mremap",
     call(sys_mremap, address(), size(), size(), flags(symbols::kRemap),
          address().only_with(3, MREMAP_FIXED | MREMAP_DONTUNMAP))
         .returns(Returns::kAddress)},
    {SYS_madvise, "madvise", call(sys_madvise, address(), size(), flags(symbols::kAdvice))},
    {SYS_msync, "msync", call(sys_msync, address(), size(), flags(symbols::kSync))},
    {SYS_mlock, "mlock", call(sys_mlock, address(), size())},
    {SYS_mlock2, "mlock2", call(sys_mlock2, address(), size(), flags(symbols::kLock2))},
    {SYS_munlock, "munlock", call(sys_munlock, address(), size())},
    {SYS_mlockall, "mlockall", call(sys_mlockall, flags(symbols::kLockAll))},
    {SYS_munlockall, "munlockall", call(sys_munlockall)},
    {SYS_mincore, "mincore", call(sys_mincore, address(), size(), pointer(Direction::kOut))},
};

}  // namespace

std::span<const SyscallRow> memory_rows() { return kRows; }

}  // namespace gonzo
