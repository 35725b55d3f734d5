#include "syscall/temporary_mask.h"

namespace gonzo {

Result<void> begin_temporary_mask(Call& call, VirtAddr mask, std::uint64_t size) {
  if (mask.value == 0) return {};
  if (size != sizeof(SignalSet)) return fail(Errno::kInval);
  GONZO_ASSIGN(const SignalSet set, call.memory().load<SignalSet>(mask));
  call.task.set_temporary_signal_mask(set);
  return {};
}

std::int64_t end_temporary_mask(Call& call, std::int64_t result) {
  const bool interrupted = result == -EINTR || result == -restart::kNoHand;
  // deliver_signals puts it back otherwise, after it has chosen what to deliver.
  if (interrupted) {
    call.task.call_attention();
  } else {
    call.task.restore_signal_mask();
  }
  return result;
}

}  // namespace gonzo
