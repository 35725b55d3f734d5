// Keeps a runner and its guest on one processor while that is the faster way.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <cstdint>

#include "machine/host/spin_budget.h"

namespace gonzo {

/// When the runner gets its own processors back.
enum class CallerBinding : std::uint8_t {
  kForTheTurn,   ///< before run() returns
  kWhileItPays,  ///< HostMachineOptions::may_leave_caller_bound
};

/// While the guest works too long for spinning to pay, the two take turns like user and kernel mode
/// of one thread, and belong on one processor: the data of read() is warm there, and a wake-up
/// needs no interrupt to another. Linux's scheduler would spread them. So both are pinned to the
/// processor where the runner is, for the time of one turn, or of many while nobody else is seen
/// there (a third of such a turn is the change of affinity). A guest that computes for long is let
/// go (part) to be balanced as any thread.
class CpuCompany {
 public:
  /// Guests that work longer than this in a turn gain nothing. Ticks, as all here.
  static constexpr std::uint64_t kLongWork = 20'000'000;
  /// What a turn takes beside the guest's work when it had to wait for its processor.
  static constexpr std::uint64_t kDisturbance = 1'500'000;
  /// Turns without one before the runner stays bound.
  static constexpr int kCalm = 64;

  CpuCompany(SpinPolicy policy, CallerBinding binding) : policy_(policy), binding_(binding) {}

  /// Before the guest gets the turn. True: they share a processor, nobody should spin.
  bool join(pid_t guest);
  /// The turn takes long: the guest may go anywhere.
  void part(pid_t guest);
  /// After the turn; `work`: how long the guest worked, `beside`: what the turn took beside that.
  void leave(std::uint64_t work, std::uint64_t beside);
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

  SpinPolicy policy_;
  CallerBinding binding_;
  int streak_ = 0;       ///< turns of middle length, less those that were not
  bool wanted_ = false;  ///< with hysteresis
  int calm_ = 0;         ///< turns since somebody else was seen on the processor
  int guest_cpu_ = -1;   ///< that the guest is pinned to
};

}  // namespace gonzo
