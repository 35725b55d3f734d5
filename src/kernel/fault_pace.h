// When torture may take pages from a program that faults (gonzo run --evict-every).
#pragma once

#include <cstdint>

namespace gonzo {

/// Of one task. An instruction runs when all of its pages are there at once: were others taken at
/// each of its faults, it might never. So they are taken at its first fault alone: when all tasks
/// try an instruction again, nothing is taken, and they get on.
class FaultPace {
 public:
  /// A fault of the instruction at `address`: may pages be taken first?
  bool allows_eviction(std::uint64_t address) {
    if (address != instruction_) {
      instruction_ = address;
      further_ = 0;
      return true;
    }
    return ++further_ % kMostPages == 0;
  }

 private:
  /// That one instruction needs at once: gathers have sixteen elements. One that has more faults
  /// goes over memory (rep movs).
  static constexpr unsigned kMostPages = 48;

  std::uint64_t instruction_ = 0;
  unsigned further_ = 0;
};

}  // namespace gonzo
