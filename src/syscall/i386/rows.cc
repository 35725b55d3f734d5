// The calls of i386 that x86-64 never had.
#include <cerrno>

#include "syscall/i386/handlers.h"
#include "syscall/i386/table.h"

namespace gonzo {

namespace {

constexpr SyscallRow kRows[] = {
    {243, "set_thread_area", call(i386_set_thread_area, pointer(Direction::kInOut))},
    {244, "get_thread_area", call(i386_get_thread_area, pointer(Direction::kInOut))},
    {384, "arch_prctl", absent(Errno::kInval)},
};

}  // namespace

std::span<const SyscallRow> i386_rows() { return kRows; }

}  // namespace gonzo
