// The calls of i386 that x86-64 never had.
#include <cerrno>

#include "syscall/i386/handlers.h"
#include "syscall/i386/table.h"

namespace gonzo {

namespace {

constexpr Argument old_set_in() { return pointer(Direction::kIn); }
constexpr Argument old_set_out() { return pointer(Direction::kOut); }

constexpr SyscallRow kRows[] = {
    {48, "signal", call(i386_signal, signal_number(), address()).returns(Returns::kAddress)},
    {67, "sigaction", call(i386_sigaction, signal_number(), pointer(), pointer(Direction::kOut))},
    {68, "sgetmask", call(i386_sgetmask).returns(Returns::kHex)},
    {69, "ssetmask", call(i386_ssetmask, hex()).returns(Returns::kHex)},
    {72, "sigsuspend",
     call(i386_sigsuspend, integer(), integer(), hex()).when_interrupted(Interruption::kNoHandler)},
    {117, "ipc", call(i386_ipc, integer(), integer(), integer(), hex(), address(), integer())},
    {119, "sigreturn", call(i386_sigreturn).returns(Returns::kNothing)},
    {126, "sigprocmask",
     call(i386_sigprocmask, flags(symbols::kSignalHow), old_set_in(), old_set_out())},
    {173, "rt_sigreturn", call(i386_rt_sigreturn).returns(Returns::kNothing)},
    {243, "set_thread_area", call(i386_set_thread_area, pointer(Direction::kInOut))},
    {244, "get_thread_area", call(i386_get_thread_area, pointer(Direction::kInOut))},
    {384, "arch_prctl", absent(Errno::kInval)},
};

}  // namespace

std::span<const SyscallRow> i386_rows() { return kRows; }

}  // namespace gonzo
