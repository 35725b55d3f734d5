// The ioctls that are known: what is behind the third argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "syscall/argument.h"
#include "syscall/call.h"

namespace gonzo {

inline constexpr std::size_t kLargestIoctl = 256;

struct IoctlRow {
  unsigned request;
  Direction direction;
  const char* name;
  std::uint32_t bytes = 0;  ///< 0: the argument is a number
  bool descriptor = false;  ///< the argument is a descriptor
  /// Between guest and host where the bytes name something that differs (descriptors, pids).
  void (*adjust_in)(Call&, std::span<std::byte>) = nullptr;
  void (*adjust_out)(Call&, std::span<std::byte>) = nullptr;
  bool changes_terminal = false;  ///< who is in the background there may not (SIGTTOU)
};

const IoctlRow* find_ioctl(unsigned request);
std::span<const IoctlRow> ioctl_rows();

}  // namespace gonzo
