#include "kernel/interval_timer.h"

#include <csignal>
#include <tuple>

#include "kernel/process.h"
#include "kernel/signal.h"

namespace gonzo {

IntervalTimer::Setting IntervalTimer::set(const Setting& wanted) {
  const LockGuard guard(lock_);
  return replace(wanted.left > Duration(0) ? Arming::kStart : Arming::kStop, wanted);
}

void IntervalTimer::notify(std::int64_t /*missed*/) {
  if (const auto process = process_.lock()) {
    std::ignore = send_signal(*process, SignalInfo::fault(SIGALRM, SI_KERNEL, 0));
  }
}

}  // namespace gonzo
