#include "machine/host/cpu_company.h"

#include <algorithm>

namespace gonzo {
namespace {

cpu_set_t only(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  return set;
}

}  // namespace

bool CpuCompany::join(pid_t guest) {
  if (!wanted_) {
    if (guest_cpu_ >= 0) part(guest);
    return false;
  }
  const int cpu = sched_getcpu();
  if (cpu < 0 || cpu >= CPU_SETSIZE || !pin_runner(cpu)) {
    policy_ = SpinPolicy::kNever;  // the host does not let us: do not ask again
    wanted_ = false;
    return false;
  }
  if (guest_cpu_ != cpu) {
    const cpu_set_t set = only(cpu);
    if (sched_setaffinity(guest, sizeof set, &set) == 0) guest_cpu_ = cpu;
  }
  return guest_cpu_ == cpu;
}

bool CpuCompany::pin_runner(int cpu) {
  if (sched_getaffinity(0, sizeof before_, &before_) != 0) return false;
  const cpu_set_t set = only(cpu);
  pinned_ = sched_setaffinity(0, sizeof set, &set) == 0;
  return pinned_;
}

void CpuCompany::restore_runner() {
  if (!pinned_) return;
  sched_setaffinity(0, sizeof before_, &before_);
  pinned_ = false;
}

void CpuCompany::part(pid_t guest) {
  restore_runner();
  if (guest_cpu_ < 0) return;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) sched_setaffinity(guest, sizeof set, &set);
  guest_cpu_ = -1;
}

void CpuCompany::leave(std::uint64_t work) {
  restore_runner();
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
}

}  // namespace gonzo
