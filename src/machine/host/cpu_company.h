// Keeps a runner and its guest on one processor while that is the faster way.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <cstdint>

#include "machine/host/spin_budget.h"

namespace gonzo {

/// While the guest works too long for spinning to pay, the two take turns like user and kernel mode
/// of one thread, and belong on one processor: the data of read() is warm there, and a wake-up
/// needs no interrupt to another. Linux's scheduler would spread them. So both are pinned to the
/// processor where the runner is, for the time of one turn: outside, the runner's own affinity is
/// what it was, and a guest that computes for long is let go (part) to be balanced as any thread.
class CpuCompany {
 public:
  /// Guests that work longer than this in a turn gain nothing.
  static constexpr std::uint64_t kLongWork = 20'000'000;

  explicit CpuCompany(SpinPolicy policy) : policy_(policy) {}

  /// Before the guest gets the turn. True: they share a processor, nobody should spin.
  bool join(pid_t guest);
  /// The turn takes long: the guest may go anywhere.
  void part(pid_t guest);
  /// After the turn; `work`: ticks that the guest worked.
  void leave(std::uint64_t work);
  /// Another guest from here on, of which nothing is known.
  void forget(pid_t guest) {
    part(guest);
    streak_ = 0;
    wanted_ = false;
  }
  bool is_together() const { return guest_cpu_ >= 0; }

 private:
  static constexpr int kMaxStreak = 16;
  static constexpr int kJoinStreak = 8;

  bool pin_runner(int cpu);
  void restore_runner();

  SpinPolicy policy_;
  int streak_ = 0;         ///< turns of middle length, less those that were not
  bool wanted_ = false;    ///< with hysteresis
  int guest_cpu_ = -1;     ///< that the guest is pinned to
  bool pinned_ = false;    ///< the runner is, too
  cpu_set_t before_ = {};  ///< the runner's affinity outside
};

}  // namespace gonzo
