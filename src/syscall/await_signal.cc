#include "syscall/await_signal.h"

#include <sys/syscall.h>

#include <cerrno>

#include "syscall/sleep.h"

namespace gonzo {

std::optional<SignalInfo> take_pending(Call& call, SignalSet set) {
  auto info = call.task.pending().take(~set);
  if (!info) info = call.process().pending().take(~set);
  if (info) call.process().signals_changed();
  return info;
}

namespace {

/// 0: the deadline is over.
std::int64_t sleep(Call& call, const std::optional<timespec>& deadline) {
  return deadline ? sleep_until(call, CLOCK_MONOTONIC, *deadline) : call.host(SYS_pause, {});
}

}  // namespace

Result<SignalInfo> await_signal(Call& call, SignalSet set,
                                const std::optional<timespec>& deadline) {
  call.task.set_awaited_signals(set);
  std::int64_t slept = -EINTR;
  auto info = take_pending(call, set);
  if (!info) {
    slept = sleep(call, deadline);
    if (slept != 0) info = take_pending(call, set);
  }
  call.task.set_awaited_signals(0);
  if (!info) return fail(slept == 0 ? Errno::kAgain : Errno::kIntr);
  call.task.call_attention();  // it was woken for more, perhaps
  return *info;
}

}  // namespace gonzo
