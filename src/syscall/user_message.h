// struct msghdr and control messages in the caller's layout. Linux: net/compat.c.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <span>
#include <vector>

#include "syscall/call.h"

namespace gonzo {

/// The pointers are the guest's. EFAULT.
Result<msghdr> load_message_header(Call& call, VirtAddr from);
Result<void> store_message_header(Call& call, VirtAddr to, const msghdr& header);

/// The control messages that `header` points to, as the host wants them. EFAULT; EINVAL: a length
/// that does not fit.
Result<std::vector<std::byte>> load_control(Call& call, const msghdr& header);
/// Room that the host needs for what fits into `guest_room` bytes.
std::size_t native_control_room(const Call& call, std::size_t guest_room);
/// What the host wrote, for the guest; returns the bytes. EFAULT.
Result<std::size_t> store_control(Call& call, const msghdr& header,
                                  std::span<const std::byte> control);

}  // namespace gonzo
