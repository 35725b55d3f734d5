#include "kernel/signal_stack.h"

#include <csignal>

namespace gonzo {

HandlerStack handler_stack(const SignalStack& alternate, std::uint64_t stack_pointer,
                           const SignalAction& action) {
  if ((action.flags & SA_ONSTACK) == 0) return {stack_pointer, false};
  if (alternate.is_in_use(stack_pointer)) return {stack_pointer, true};
  if (alternate.size == 0) return {stack_pointer, false};
  return {alternate.base + alternate.size, true};
}

}  // namespace gonzo
