#include "syscall/user_signal.h"

#include "kernel/signal_frame_i386.h"
#include "kernel/signal_info_i386.h"

namespace gonzo {
namespace {

/// struct compat_sigaction.
struct NarrowAction {
  std::uint32_t handler, flags, restorer;
  std::array<std::uint32_t, 2> mask;
};
static_assert(sizeof(NarrowAction) == 20);

std::uint32_t low(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

}  // namespace

Result<SignalAction> load_action(Call& call, VirtAddr from) {
  if (!call.is_i386()) {
    GONZO_ASSIGN(SignalAction action, call.memory().load<SignalAction>(from));
    action.flags &= ~kI386Action;
    return action;
  }
  GONZO_ASSIGN(const auto narrow, call.memory().load<NarrowAction>(from));
  return SignalAction{.handler = narrow.handler,
                      .flags = narrow.flags | kI386Action,
                      .restorer = narrow.restorer,
                      .mask = narrow.mask[0] | SignalSet{narrow.mask[1]} << 32};
}

Result<void> store_action(Call& call, VirtAddr to, const SignalAction& action) {
  SignalAction shown = action;
  shown.flags &= ~kI386Action;
  if (!call.is_i386()) return call.memory().store(to, shown);
  return call.memory().store(to, NarrowAction{.handler = low(shown.handler),
                                              .flags = low(shown.flags),
                                              .restorer = low(shown.restorer),
                                              .mask = {low(shown.mask), low(shown.mask >> 32)}});
}

Result<SignalStack> load_signal_stack(Call& call, VirtAddr from) {
  if (!call.is_i386()) return call.memory().load<SignalStack>(from);
  GONZO_ASSIGN(const auto narrow, call.memory().load<I386SignalStack>(from));
  return SignalStack{.base = narrow.base, .flags = narrow.flags, .size = narrow.size};
}

Result<void> store_signal_stack(Call& call, VirtAddr to, const SignalStack& stack) {
  if (!call.is_i386()) return call.memory().store(to, stack);
  return call.memory().store(
      to, I386SignalStack{.base = low(stack.base), .flags = stack.flags, .size = low(stack.size)});
}

Result<SignalInfo> load_signal_info(Call& call, VirtAddr from) {
  if (!call.is_i386()) return call.memory().load<SignalInfo>(from);
  GONZO_ASSIGN(const auto narrow, call.memory().load<I386SignalInfo>(from));
  return narrow.widened();
}

Result<void> store_signal_info(Call& call, VirtAddr to, const SignalInfo& info) {
  return call.is_i386() ? call.memory().store(to, I386SignalInfo::of(info))
                        : call.memory().store(to, info);
}

}  // namespace gonzo
