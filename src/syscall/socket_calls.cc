// Messages: data straight between the socket and guest memory, addresses and descriptors
// translated.
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "syscall/bad_pointer.h"
#include "syscall/handlers.h"
#include "syscall/new_descriptor.h"
#include "syscall/table.h"
#include "syscall/transfer.h"
#include "syscall/user_message.h"

namespace gonzo {

namespace {

constexpr std::size_t kMostControl = 32768;
constexpr std::uint64_t kPinnedAtOnce = 256
                                        << 10;  // more than any socket gives at a time by default

std::uint64_t pointer_of(const void* p) { return reinterpret_cast<std::uint64_t>(p); }

/// A message as the guest describes it.
struct Message {
  std::vector<GuestSpan> spans;
  VirtAddr name;
  std::uint32_t name_length = 0;
  bool has_name = false;
  std::vector<std::byte> control;
  int flags = 0;
};

/// The host's view of a message whose data is pinned guest memory.
struct HostMessage {
  msghdr header{};
  sockaddr_storage name{};
  iovec bad{};

  void set_data(const Call& call, const Message& message, PinnedMemory& pinned) {
    std::uint64_t wanted = 0;
    for (const GuestSpan& span : message.spans) wanted += span.length;
    if (wanted != 0 && pinned.bytes() == 0) {
      bad = {call.bad_pointer.user_pointer(), wanted};
      header.msg_iov = &bad;
      header.msg_iovlen = 1;
    } else {
      header.msg_iov = pinned.iovecs().data();
      header.msg_iovlen = pinned.iovecs().size();
    }
  }
};

std::int64_t send_message(Call& call, Message& message) {
  const auto file = call.file(0);
  if (!file) return raw(file.error());
  if (message.name_length > sizeof(sockaddr_storage)) return -EINVAL;
  HostMessage host;
  if (message.has_name) {
    const auto bytes = std::as_writable_bytes(std::span(&host.name, 1)).first(message.name_length);
    const bool readable = call.memory().copy_in(bytes, message.name).has_value();
    host.header.msg_name = readable ? &host.name : call.bad_pointer.user_pointer();
    host.header.msg_namelen = message.name_length;
  }
  PinnedMemory pinned(call.memory(), Access::kRead, message.spans, 0, kMostTransferred);
  host.set_data(call, message, pinned);
  host.header.msg_control = message.control.empty() ? nullptr : message.control.data();
  host.header.msg_controllen = message.control.size();
  const std::int64_t result = call.host(
      SYS_sendmsg, {static_cast<std::uint64_t>((*file)->host_fd()), pointer_of(&host.header),
                    static_cast<std::uint64_t>(message.flags | MSG_NOSIGNAL)});
  if (result == -EPIPE && (message.flags & MSG_NOSIGNAL) == 0) call.raise(SIGPIPE);
  return result;
}

std::int64_t receive_message(Call& call, const Message& message, HostMessage& host,
                             std::span<std::byte> control) {
  const auto file = call.file(0);
  if (!file) return raw(file.error());
  PinnedMemory pinned(call.memory(), Access::kWrite, message.spans, 0, kPinnedAtOnce);
  host.set_data(call, message, pinned);
  if (message.has_name) {
    host.header.msg_name = &host.name;
    host.header.msg_namelen = sizeof host.name;
  }
  host.header.msg_control = control.empty() ? nullptr : control.data();
  host.header.msg_controllen = control.size();
  return call.host(SYS_recvmsg,
                   {static_cast<std::uint64_t>((*file)->host_fd()), pointer_of(&host.header),
                    static_cast<std::uint64_t>(message.flags | MSG_CMSG_CLOEXEC)});
}

/// The host looks at the socket before it finds the header to be bad.
std::int64_t with_bad_header(Call& call, long number) {
  const auto file = call.file(0);
  if (!file) return raw(file.error());
  return call.host(
      number, {static_cast<std::uint64_t>((*file)->host_fd()), call.bad_pointer.user(), call[2]});
}

/// Calls `change` with each descriptor passed along in control messages (SCM_RIGHTS). False when it
/// does.
template <typename Change>
bool for_each_passed(msghdr& header, Change change) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t bytes = c->cmsg_len - CMSG_LEN(0);
    for (std::size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + at, sizeof fd);
      if (!change(fd)) return false;
      std::memcpy(CMSG_DATA(c) + at, &fd, sizeof fd);
    }
  }
  return true;
}

/// Linux: copy_msghdr_from_user.
Result<Message> load_message(Call& call, const msghdr& header) {
  Message message;
  message.flags = call.integer(2);
  if (header.msg_iovlen > PinnedMemory::kMostPieces) {
    return fail(Errno::kMsgSize);
  }
  GONZO_ASSIGN(message.spans,
               load_iovecs(call, VirtAddr(pointer_of(header.msg_iov)), header.msg_iovlen));
  message.has_name = header.msg_name != nullptr && header.msg_namelen != 0;
  message.name = VirtAddr(pointer_of(header.msg_name));
  message.name_length = message.has_name ? header.msg_namelen : 0;
  return message;
}

Result<void> store_name(Call& call, VirtAddr to, std::uint32_t room, const HostMessage& host) {
  const auto bytes = std::as_bytes(std::span(&host.name, 1))
                         .first(std::min<std::size_t>(host.header.msg_namelen, sizeof host.name));
  return call.memory().copy_out(to, bytes.first(std::min<std::size_t>(bytes.size(), room)));
}

}  // namespace

std::int64_t sys_sendto(Call& call) {
  if (call.leaves_user_half(call.address(1), call[2])) return -EFAULT;
  Message message{.spans = {{call.address(1), std::min(call[2], kMostTransferred)}},
                  .name = call.address(4),
                  .name_length = call.word(5),
                  .has_name = !call.is_null(4),
                  .flags = call.integer(3)};
  return send_message(call, message);
}

std::int64_t sys_recvfrom(Call& call) {
  if (call.leaves_user_half(call.address(1), call[2])) return -EFAULT;
  Message message{.spans = {{call.address(1), std::min(call[2], kMostTransferred)}},
                  .has_name = !call.is_null(4),
                  .flags = call.integer(3)};
  HostMessage host;
  const std::int64_t result = receive_message(call, message, host, {});
  if (result < 0 || !message.has_name) return result;
  const auto room = call.memory().load<int>(call.address(5));
  if (!room) return raw(room.error());
  if (*room < 0) return -EINVAL;
  if (auto stored = store_name(call, call.address(4), static_cast<std::uint32_t>(*room), host);
      !stored) {
    return raw(stored.error());
  }
  const auto stored = call.memory().store(call.address(5), host.header.msg_namelen);
  return stored ? result : raw(stored.error());
}

std::int64_t sys_sendmsg(Call& call) {
  const auto header = load_message_header(call, call.address(1));
  if (!header) return with_bad_header(call, SYS_sendmsg);
  auto message = load_message(call, *header);
  if (!message) return raw(message.error());
  if (header->msg_controllen > kMostControl) return -ENOBUFS;
  auto control_bytes = load_control(call, *header);
  if (!control_bytes) return raw(control_bytes.error());
  message->control = std::move(*control_bytes);
  std::vector<OpenFileRef> held;
  msghdr control{};
  control.msg_control = message->control.data();
  control.msg_controllen = message->control.size();
  const bool known = for_each_passed(control, [&](int& fd) {
    auto file = call.files().get(fd);
    if (!file) return false;
    fd = (*file)->host_fd();
    held.push_back(std::move(*file));
    return true;
  });
  return known ? send_message(call, *message) : -EBADF;
}

std::int64_t sys_recvmsg(Call& call) {
  auto header = load_message_header(call, call.address(1));
  if (!header) return with_bad_header(call, SYS_recvmsg);
  const auto message = load_message(call, *header);
  if (!message) return raw(message.error());
  std::vector<std::byte> control(
      header->msg_control != nullptr
          ? native_control_room(call, std::min(header->msg_controllen, kMostControl))
          : 0);
  HostMessage host;
  const std::int64_t result = receive_message(call, *message, host, control);
  if (result < 0) return result;

  const bool cloexec = (message->flags & MSG_CMSG_CLOEXEC) != 0;
  for_each_passed(host.header, [&](int& fd) {
    const auto guest = new_descriptor(call, fd, cloexec ? CloseOnExec::kYes : CloseOnExec::kNo);
    fd = guest ? *guest : -1;
    return true;
  });
  const auto finish = [&]() -> Result<void> {
    if (message->has_name) {
      GONZO_TRY(store_name(call, message->name, message->name_length, host));
    }
    std::size_t controllen = host.header.msg_controllen;
    if (controllen != 0 && header->msg_control != nullptr) {
      GONZO_ASSIGN(controllen, store_control(call, *header, std::span(control).first(controllen)));
    }
    if (header->msg_name != nullptr) header->msg_namelen = host.header.msg_namelen;
    header->msg_controllen = controllen;
    header->msg_flags = host.header.msg_flags & ~MSG_CMSG_CLOEXEC;
    if (cloexec) header->msg_flags |= MSG_CMSG_CLOEXEC;
    return store_message_header(call, call.address(1), *header);
  };
  const auto finished = finish();
  return finished ? result : raw(finished.error());
}

}  // namespace gonzo
