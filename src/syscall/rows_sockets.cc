// Sockets.
#include <sys/socket.h>
#include <sys/syscall.h>

#include "syscall/handlers.h"
#include "syscall/table.h"

namespace gonzo {

namespace {

constexpr std::uint32_t kMessageHeader = sizeof(msghdr);

constexpr Signature interruptible(Signature signature) {
  return signature.when_interrupted(Interruption::kRestarts);
}
constexpr Argument family() { return flags(symbols::kSocketFamily); }
constexpr Argument type() { return flags(symbols::kSocketType); }
constexpr Argument level() { return flags(symbols::kSocketLevel); }

constexpr SyscallRow kRows[] = {
    {SYS_socket, "socket", pass(family(), type(), integer()).returns_fd(1, SOCK_CLOEXEC)},
    {SYS_socketpair, "socketpair",
     call(sys_socketpair, family(), type(), integer(),
          pointer(Direction::kOut, Style::kIntegers, 8))},
    {SYS_bind, "bind", pass(fd(), in_sockaddr(2), integer())},
    {SYS_connect, "connect", interruptible(pass(fd(), in_sockaddr(2), integer()))},
    {SYS_listen, "listen", pass(fd(), integer())},
    {SYS_accept, "accept",
     interruptible(pass(fd(), out_sockaddr(2).or_null(), length().or_null())).returns_fd()},
    {SYS_accept4, "accept4",
     interruptible(pass(fd(), out_sockaddr(2).or_null(), length().or_null(), type()))
         .returns_fd(3, SOCK_CLOEXEC)},
    {SYS_getsockname, "getsockname", pass(fd(), out_sockaddr(2), length())},
    {SYS_getpeername, "getpeername", pass(fd(), out_sockaddr(2), length())},
    {SYS_setsockopt, "setsockopt",
     pass(fd(), level(), integer(), in_buffer(4).or_null().shown_as(Style::kOpaque), integer())},
    {SYS_getsockopt, "getsockopt",
     pass(fd(), level(), integer(), out_with_length(4).or_null().shown_as(Style::kOpaque),
          length())},
    {SYS_shutdown, "shutdown", pass(fd(), flags(symbols::kShutdown))},
    {SYS_sendto, "sendto",
     interruptible(call(sys_sendto, fd(), pointer_counted(Direction::kIn, Style::kText, 2, 1),
                        size(), flags(symbols::kMessage), pointer(), integer()))},
    {SYS_recvfrom, "recvfrom",
     interruptible(call(sys_recvfrom, fd(),
                        pointer_counted(Direction::kOut, Style::kText, 2, 1, Extent::kReturned),
                        size(), flags(symbols::kMessage), pointer(Direction::kOut),
                        pointer(Direction::kInOut)))},
    {SYS_sendmsg, "sendmsg",
     interruptible(call(sys_sendmsg, fd(), pointer(Direction::kIn, Style::kAddress, kMessageHeader),
                        flags(symbols::kMessage)))},
    {SYS_recvmsg, "recvmsg",
     interruptible(call(sys_recvmsg, fd(),
                        pointer(Direction::kInOut, Style::kAddress, kMessageHeader),
                        flags(symbols::kMessage)))},
    {SYS_sendmmsg, "sendmmsg",
     interruptible(call(sys_sendmmsg, fd(), pointer(), integer(), flags(symbols::kMessage)))},
    {SYS_recvmmsg, "recvmmsg",
     interruptible(call(sys_recvmmsg, fd(), pointer(Direction::kInOut), integer(),
                        flags(symbols::kMessage),
                        pointer(Direction::kInOut, Style::kTimespec, 16)))},
};

}  // namespace

std::span<const SyscallRow> socket_rows() { return kRows; }

}  // namespace gonzo
