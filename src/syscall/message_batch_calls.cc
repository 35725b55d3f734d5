// Several messages in one call. Linux: net/socket.c, __sys_sendmmsg and do_recvmmsg.
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>

#include "syscall/handlers.h"
#include "syscall/sleep.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kCompat = 0x80000000;  // MSG_CMSG_COMPAT: between the kernel and itself
constexpr unsigned kMostMessages = UIO_MAXIOV;

/// struct mmsghdr in the caller's layout.
struct EntryLayout {
  std::size_t bytes = sizeof(mmsghdr), length_at = offsetof(mmsghdr, msg_len);

  static EntryLayout of(const Call& call) {
    constexpr std::size_t kNarrowHeader = 28;  // struct compat_msghdr
    if (!call.is_i386()) return {};
    return {.bytes = kNarrowHeader + sizeof(unsigned), .length_at = kNarrowHeader};
  }
};

VirtAddr entry(const Call& call, unsigned index) {
  return VirtAddr(call[1] + index * EntryLayout::of(call).bytes);
}

/// One message, by sendmsg or recvmsg; how long it was is stored beside it.
std::int64_t one(const Call& call, SyscallHandlerFunction handler, unsigned index, int flags) {
  Call single = call;
  single.arguments = {call[0], entry(call, index).value, static_cast<unsigned>(flags)};
  const std::int64_t result = handler(single);
  if (result < 0) return result;
  const VirtAddr length = entry(call, index) + EntryLayout::of(call).length_at;
  return raw(call.memory().store(length, static_cast<unsigned>(result)));
}

/// Not a socket: said before anything else is looked at.
std::int64_t look_at_socket(const Call& call) {
  const auto file = call.file(0);
  if (!file) return raw(file.error());
  int type = 0;
  socklen_t length = sizeof type;
  const int result = ::getsockopt((*file)->host_fd(), SOL_SOCKET, SO_TYPE, &type, &length);
  return result == 0 ? 0 : -errno;
}

}  // namespace

std::int64_t sys_sendmmsg(Call& call) {
  if ((call.word(3) & kCompat) != 0) return -EINVAL;
  if (const std::int64_t error = look_at_socket(call); error < 0) return error;
  const unsigned count = std::min(call.word(2), kMostMessages);
  for (unsigned sent = 0; sent < count; ++sent) {
    const std::int64_t result = one(call, sys_sendmsg, sent, call.integer(3));
    if (result < 0) return sent != 0 ? sent : result;
  }
  return count;
}

std::int64_t sys_recvmmsg(Call& call) {
  if ((call.word(3) & kCompat) != 0) return -EINVAL;
  std::optional<Clock::time_point> deadline;
  if (!call.is_null(4)) {
    const auto time = load_longs<timespec>(call, call.address(4));
    if (!time) return raw(time.error());
    if (!is_valid(*time)) return -EINVAL;
    deadline = Clock::now() + std::chrono::seconds(std::min(time->tv_sec, 9'000'000'000L / 2)) +
               std::chrono::nanoseconds(time->tv_nsec);
  }
  if (const std::int64_t error = look_at_socket(call); error < 0) return error;
  const unsigned count = std::min(call.word(2), kMostMessages);
  int flags = call.integer(3) & ~MSG_WAITFORONE;
  unsigned received = 0;
  while (received < count) {
    const std::int64_t result = one(call, sys_recvmsg, received, flags);
    if (result < 0) {
      if (received == 0) return result;
      break;
    }
    ++received;
    if ((call.integer(3) & MSG_WAITFORONE) != 0) flags |= MSG_DONTWAIT;
    // The time is looked at between messages only (recvmmsg(2), BUGS).
    if (deadline && Clock::now() >= *deadline) break;
  }
  if (deadline && received != 0) {
    const auto left = std::max(*deadline - Clock::now(), Clock::duration(0));
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec rest{whole.count(), (left - whole).count()};
    if (auto stored = store_longs(call, call.address(4), rest); !stored) {
      return raw(stored.error());
    }
  }
  return received;
}

}  // namespace gonzo
