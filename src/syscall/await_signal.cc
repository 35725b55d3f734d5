#include "syscall/await_signal.h"

#include <sys/syscall.h>

#include "syscall/sleep.h"

namespace gonzo {

std::optional<SignalInfo> take_pending(Call& call, SignalSet set) {
  auto info = call.task.pending().take(~set);
  if (!info) info = call.process().pending().take(~set);
  if (info) call.process().signals_changed();
  return info;
}

Result<SignalInfo> await_signal(Call& call, SignalSet set,
                                const std::optional<timespec>& deadline) {
  call.task.set_awaited_signals(set);
  for (;;) {
    if (auto info = take_pending(call, set)) {
      call.task.set_awaited_signals(0);
      call.task.call_attention();  // it was woken for more, perhaps
      return *info;
    }
    std::int64_t slept = 0;
    if (deadline) {
      slept = sleep_until(call, CLOCK_MONOTONIC, *deadline);
    } else {
      slept = call.host(SYS_pause, {});
    }
    if (slept == 0) {
      call.task.set_awaited_signals(0);
      return fail(Errno::kAgain);
    }
    if (auto info = take_pending(call, set)) {
      call.task.set_awaited_signals(0);
      call.task.call_attention();
      return *info;
    }
    call.task.set_awaited_signals(0);
    return fail(Errno::kIntr);
  }
}

}  // namespace gonzo
