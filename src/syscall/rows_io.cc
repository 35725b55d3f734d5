// Bytes in and out, and waiting for them.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "syscall/handlers.h"
#include "syscall/table.h"

namespace gonzo {

namespace {

constexpr std::uint32_t kEventBytes = sizeof(epoll_event);
constexpr std::uint32_t kTimeBytes = 16;

constexpr Argument read_buffer() {
  return pointer_counted(Direction::kOut, Style::kText, 2, 1, Extent::kReturned);
}
constexpr Argument written_buffer() { return pointer_counted(Direction::kIn, Style::kText, 2, 1); }
constexpr Argument iovecs() {
  return pointer_counted(Direction::kIn, Style::kIovec, 2, sizeof(iovec));
}
constexpr Argument time_in(Style style) { return pointer(Direction::kIn, style, kTimeBytes); }
constexpr Argument fd_set_pointer() { return pointer(Direction::kInOut); }
constexpr Argument pollfds() {
  return pointer_counted(Direction::kInOut, Style::kPollfds, 1, sizeof(pollfd));
}
constexpr Argument events() { return out_buffer(2, kEventBytes); }
constexpr Argument sigset() { return pointer(Direction::kIn, Style::kSigset, 8); }

template <typename... A>
constexpr Signature blocking(SyscallHandlerFunction handler, A... arguments) {
  return call(handler, arguments...).when_interrupted(Interruption::kRestarts);
}
template <typename... A>
constexpr Signature waiting(SyscallHandlerFunction handler, A... arguments) {
  return call(handler, arguments...).when_interrupted(Interruption::kNoHandler);
}
template <typename... A>
constexpr Signature epoll_waiting(SyscallHandlerFunction handler, A... arguments) {
  return call(handler, arguments...).when_interrupted(Interruption::kNever);
}

constexpr SyscallRow kRows[] = {
    {SYS_read, "read", blocking(sys_read, fd(), read_buffer(), size())},
    {SYS_write, "write", blocking(sys_write, fd(), written_buffer(), size())},
    {SYS_pread64, "pread64", blocking(sys_pread64, fd(), read_buffer(), size(), integer())},
    {SYS_pwrite64, "pwrite64", blocking(sys_pwrite64, fd(), written_buffer(), size(), integer())},
    {SYS_readv, "readv", blocking(sys_readv, fd(), iovecs(), integer())},
    {SYS_writev, "writev", blocking(sys_writev, fd(), iovecs(), integer())},
    {SYS_preadv, "preadv", blocking(sys_preadv, fd(), iovecs(), integer(), integer(), integer())},
    {SYS_pwritev, "pwritev",
     blocking(sys_pwritev, fd(), iovecs(), integer(), integer(), integer())},
    {SYS_preadv2, "preadv2",
     blocking(sys_preadv2, fd(), iovecs(), integer(), integer(), integer(),
              flags(symbols::kReadWrite))},
    {SYS_pwritev2, "pwritev2",
     blocking(sys_pwritev2, fd(), iovecs(), integer(), integer(), integer(),
              flags(symbols::kReadWrite))},
    {SYS_getrandom, "getrandom",
     call(sys_getrandom, pointer_counted(Direction::kOut, Style::kText, 1, 1, Extent::kReturned),
          size(), flags(symbols::kRandom))
         .when_interrupted(Interruption::kRestarts)},

    {SYS_sendfile, "sendfile",
     blocking(sys_sendfile, fd(), fd(), pointer(Direction::kInOut), size())},
    {SYS_copy_file_range, "copy_file_range",
     blocking(sys_copy_file_range, fd(), pointer(Direction::kInOut), fd(),
              pointer(Direction::kInOut), size(), hex())},
    {SYS_splice, "splice",
     blocking(sys_splice, fd(), pointer(Direction::kInOut), fd(), pointer(Direction::kInOut),
              size(), hex())},
    {SYS_tee, "tee", pass(fd(), fd(), size(), hex()).when_interrupted(Interruption::kRestarts)},

    {SYS_poll, "poll", waiting(sys_poll, pollfds(), integer(), integer())},
    {SYS_ppoll, "ppoll",
     waiting(sys_ppoll, pollfds(), integer(), time_in(Style::kTimespec), sigset(), size())},
    {SYS_select, "select",
     waiting(sys_select, integer(), fd_set_pointer(), fd_set_pointer(), fd_set_pointer(),
             time_in(Style::kTimeval))},
    {SYS_pselect6, "pselect6",
     waiting(sys_pselect6, integer(), fd_set_pointer(), fd_set_pointer(), fd_set_pointer(),
             time_in(Style::kTimespec), pointer())},
    {SYS_epoll_create, "epoll_create", pass(integer()).returns_fd()},
    {SYS_epoll_create1, "epoll_create1",
     pass(flags(symbols::kEpollCreate)).returns_fd(0, EPOLL_CLOEXEC)},
    {SYS_epoll_ctl, "epoll_ctl",
     call(sys_epoll_ctl, fd(), flags(symbols::kEpollOperation), fd(), pointer())},
    {SYS_epoll_wait, "epoll_wait",
     pass(fd(), events(), integer(), integer()).when_interrupted(Interruption::kNever)},
    {SYS_epoll_pwait, "epoll_pwait",
     epoll_waiting(sys_epoll_pwait, fd(), events(), integer(), integer(), sigset(), size())},
    {SYS_epoll_pwait2, "epoll_pwait2",
     epoll_waiting(
         sys_epoll_pwait, fd(), events(), integer(),
         in_struct(kTimeBytes).shown_as(Style::kTimespec).made_of(Members::kLongs).or_null(),
         sigset(), size())},
};

}  // namespace

std::span<const SyscallRow> io_rows() { return kRows; }

}  // namespace gonzo
