// Areas' seals and policies, and a process's memory by its id.
#include <sys/syscall.h>
#include <sys/uio.h>

#include "syscall/handlers.h"
#include "syscall/table.h"

namespace gonzo {

namespace {

constexpr Argument iovecs(std::uint8_t counter) {
  return pointer_counted(Direction::kIn, Style::kIovec, counter, sizeof(iovec));
}

constexpr SyscallRow kRows[] = {
    {SYS_remap_file_pages, "remap_file_pages",
     call(sys_remap_file_pages, address(), size(), flags(symbols::kProtection), size(),
          flags(symbols::kMap))},
    {462, "mseal", call(sys_mseal, address(), size(), hex())},
    {SYS_process_vm_readv, "process_vm_readv",
     call(sys_process_vm_readv, integer(), iovecs(2), size(), iovecs(4), size(), hex())},
    {SYS_process_vm_writev, "process_vm_writev",
     call(sys_process_vm_writev, integer(), iovecs(2), size(), iovecs(4), size(), hex())},
    {SYS_process_madvise, "process_madvise",
     call(sys_process_madvise, fd(), iovecs(2), size(), flags(symbols::kAdvice), hex())},
    {SYS_pidfd_open, "pidfd_open",
     call(sys_pidfd_open, integer(), hex()).returns(Returns::kInteger)},
    {SYS_set_mempolicy, "set_mempolicy",
     call(sys_set_mempolicy, flags(symbols::kMemoryPolicy), pointer(), size())},
    {SYS_get_mempolicy, "get_mempolicy",
     call(sys_get_mempolicy, pointer(Direction::kOut), pointer(Direction::kOut), size(), address(),
          flags(symbols::kAskPolicy))},
    {SYS_mbind, "mbind",
     call(sys_mbind, address(), size(), flags(symbols::kMemoryPolicy), pointer(), size(),
          flags(symbols::kBind))},
    {SYS_set_mempolicy_home_node, "set_mempolicy_home_node",
     call(sys_set_mempolicy_home_node, address(), size(), size(), hex())},
    {SYS_migrate_pages, "migrate_pages",
     call(sys_migrate_pages, integer(), size(), pointer(), pointer())},
    {SYS_move_pages, "move_pages",
     call(sys_move_pages, integer(), size(), pointer(), pointer(), pointer(Direction::kOut),
          flags(symbols::kBind))},
};

}  // namespace

std::span<const SyscallRow> area_rows() { return kRows; }

}  // namespace gonzo
