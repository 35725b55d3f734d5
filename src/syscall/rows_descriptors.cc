// Descriptors: making, copying, closing them.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "syscall/handlers.h"
#include "syscall/table.h"

namespace gonzo {

namespace {

constexpr std::uint32_t kTimerSpec = sizeof(itimerspec);
constexpr std::uint32_t kMemfdName = 250;  // MFD_NAME_MAX_LEN and its NUL

constexpr Argument timer_in() { return in_struct(kTimerSpec).made_of(Members::kLongs); }
constexpr Argument timer_out() { return out_struct(kTimerSpec).made_of(Members::kLongs); }

constexpr SyscallRow kRows[] = {
    {SYS_close, "close", call(sys_close, fd())},
    {SYS_close_range, "close_range",
     call(sys_close_range, size(), size(), flags(symbols::kCloseRange))},
    {SYS_dup, "dup", call(sys_dup, fd())},
    {SYS_dup2, "dup2", call(sys_dup2, fd(), fd())},
    {SYS_dup3, "dup3", call(sys_dup3, fd(), fd(), flags(symbols::kOpen))},
    {SYS_fcntl, "fcntl",
     call(sys_fcntl, fd(), flags(symbols::kFcntl), hex())
         .when_interrupted(Interruption::kRestarts)},
    {SYS_ioctl, "ioctl",
     call(sys_ioctl, fd(), hex().shown_as(Style::kIoctl), pointer(Direction::kInOut))
         .when_interrupted(Interruption::kRestarts)},
    {SYS_pipe, "pipe", call(sys_pipe, pointer(Direction::kOut, Style::kIntegers, 8))},
    {SYS_pipe2, "pipe2",
     call(sys_pipe2, pointer(Direction::kOut, Style::kIntegers, 8), flags(symbols::kPipe))},
    {SYS_eventfd, "eventfd", pass(integer()).returns_fd()},
    {SYS_eventfd2, "eventfd2",
     pass(integer(), flags(symbols::kEventfd)).returns_fd(1, EFD_CLOEXEC)},
    {SYS_timerfd_create, "timerfd_create",
     pass(flags(symbols::kClock), flags(symbols::kTimerfd)).returns_fd(1, TFD_CLOEXEC)},
    {SYS_timerfd_settime, "timerfd_settime", pass(fd(), hex(), timer_in(), timer_out().or_null())},
    {SYS_timerfd_gettime, "timerfd_gettime", pass(fd(), timer_out())},
    {SYS_memfd_create, "memfd_create",
     pass(string(kMemfdName), flags(symbols::kMemfd)).returns_fd(1, MFD_CLOEXEC)},
    {SYS_inotify_init, "inotify_init", pass().returns_fd()},
    {SYS_inotify_init1, "inotify_init1", pass(flags(symbols::kInotify)).returns_fd(0, IN_CLOEXEC)},
    {SYS_inotify_add_watch, "inotify_add_watch", pass(fd(), path(), hex())},
    {SYS_inotify_rm_watch, "inotify_rm_watch", pass(fd(), integer())},
};

}  // namespace

std::span<const SyscallRow> descriptor_rows() { return kRows; }

}  // namespace gonzo
