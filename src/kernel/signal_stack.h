// The alternate stack of signal handlers. sigaltstack(2); Linux: sas_ss_* of task_struct.
#pragma once

#include <cstdint>

#include "kernel/signal_actions.h"

namespace gonzo {

/// stack_t as the x86-64 kernel lays it out.
struct SignalStack {
  /// SS_AUTODISARM: while a handler runs there is none.
  static constexpr std::int32_t kAutoDisarm = static_cast<std::int32_t>(1U << 31);

  std::uint64_t base = 0;
  std::int32_t flags = 2;  ///< SS_DISABLE
  std::int32_t padding = 0;
  std::uint64_t size = 0;

  bool disarms_itself() const { return (flags & kAutoDisarm) != 0; }
  /// As a stack that grows down (Linux: __on_sig_stack).
  bool holds(std::uint64_t stack_pointer) const {
    return stack_pointer > base && stack_pointer - base <= size;
  }
  /// Is it in use? (Linux: on_sig_stack; SS_AUTODISARM: never.)
  bool is_in_use(std::uint64_t stack_pointer) const {
    return !disarms_itself() && holds(stack_pointer);
  }
};
static_assert(sizeof(SignalStack) == 24);

/// Where a handler's frame goes.
struct HandlerStack {
  std::uint64_t top;
  bool is_alternate;
};

/// Of a handler with `action`, when the interrupted code's stack ends at `stack_pointer` (the red
/// zone left out). Linux: get_sigframe.
HandlerStack handler_stack(const SignalStack& alternate, std::uint64_t stack_pointer,
                           const SignalAction& action);

}  // namespace gonzo
