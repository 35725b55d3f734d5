#include "syscall/call.h"

#include <unistd.h>

#include <csignal>
#include <tuple>

#include "kernel/interruptible_call.h"
#include "syscall/table.h"

namespace gonzo {

namespace {

std::int64_t plain_call(long number, const Arguments& a) {
  const long result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  return result == -1 ? -static_cast<std::int64_t>(errno) : result;
}

}  // namespace

std::int64_t Call::host(long number, const Arguments& host_arguments) const {
  if (row.signature.interruption == Interruption::kNone) {
    return plain_call(number, host_arguments);
  }
  for (;;) {
    const std::int64_t result = interruptible_call(task, number, host_arguments);
    if (result != -EINTR) return result;
    if (must_leave_call(task)) return interrupted();
    // It was woken for something that another thread took.
    task.attention().store(0);
    if (must_leave_call(task)) {
      task.call_attention();
      return interrupted();
    }
  }
}

std::int64_t Call::host_uninterrupted(long number, const Arguments& host_arguments) const {
  return plain_call(number, host_arguments);
}

void Call::raise(int signal) const {
  std::ignore =
      send_signal(task, SignalInfo::sent(signal, SI_USER, task.process().pid(), getuid()));
}

bool Call::leaves_user_half(VirtAddr start, std::uint64_t length) const {
  const VirtAddr end = memory().page_table().user_end();
  return start > end || length > end - start;
}

std::int64_t Call::interrupted() const {
  switch (row.signature.interruption) {
    case Interruption::kRestarts:
      return -restart::kSys;
    case Interruption::kNoHandler:
      return -restart::kNoHand;
    case Interruption::kNone:
    case Interruption::kNever:
      break;
  }
  return -EINTR;
}

}  // namespace gonzo
