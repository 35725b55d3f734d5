#include "machine/host/cpu_company.h"

#include <algorithm>

#include <gonzo/base/processor_binding.h>

namespace gonzo {

bool CpuCompany::join(pid_t guest) {
  if (!wanted_) {
    if (guest_cpu_ >= 0) part(guest);
    return false;
  }
  const int cpu = sched_getcpu();
  if (!bind_to_processor(cpu)) {
    policy_ = SpinPolicy::kNever;  // the host does not let us: do not ask again
    wanted_ = false;
    return false;
  }
  if (guest_cpu_ != cpu) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(static_cast<unsigned>(cpu), &only);
    if (sched_setaffinity(guest, sizeof only, &only) == 0) guest_cpu_ = cpu;
  }
  return guest_cpu_ == cpu;
}

void CpuCompany::part(pid_t guest) {
  unbind_from_processor();
  if (guest_cpu_ < 0) return;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) sched_setaffinity(guest, sizeof set, &set);
  guest_cpu_ = -1;
}

void CpuCompany::leave(std::uint64_t work, std::uint64_t beside) {
  calm_ = beside >= kDisturbance ? 0 : std::min(calm_ + 1, kCalm);
  if (binding_ == CallerBinding::kForTheTurn || calm_ < kCalm) unbind_from_processor();
  if (policy_ == SpinPolicy::kNever) return;
  if (work >= kLongWork) {
    streak_ = 0;
  } else if (work >= SpinBudget::kShortWork) {
    streak_ = std::min(streak_ + 1, kMaxStreak);
  } else {
    streak_ = std::max(streak_ - 2, 0);
  }
  if (streak_ >= kJoinStreak) wanted_ = true;
  if (streak_ == 0) wanted_ = false;
  if (!wanted_) unbind_from_processor();
}

}  // namespace gonzo
