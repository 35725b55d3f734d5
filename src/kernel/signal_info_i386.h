// siginfo_t of i386: the same facts, where pointers and longs have 4 bytes.
// Linux: copy_siginfo_to_user32, post_copy_siginfo_from_user32 (kernel/signal.c).
#pragma once

#include <array>
#include <cstdint>

#include "kernel/signal_info.h"

namespace gonzo {

struct I386SignalInfo {
  std::int32_t signal = 0, error = 0, code = 0;
  std::array<std::uint32_t, 29> fields{};

  static I386SignalInfo of(const SignalInfo& info);
  SignalInfo widened() const;
};
static_assert(sizeof(I386SignalInfo) == 128);

}  // namespace gonzo
