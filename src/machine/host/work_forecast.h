// How long a call will keep the runner, from how long such calls took before.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include <gonzo/machine/machine.h>

namespace gonzo {

/// A program waits in few places: in read() of one descriptor, in one operation of futex(). So
/// calls are told apart by their number and by small arguments, which are descriptors and
/// operations, not addresses. Two kinds may share an entry: a bad guess costs a wake-up, no more.
class WorkForecast {
 public:
  using Kind = std::uint8_t;
  /// What is no call.
  static constexpr Kind kFault = 0;

  static Kind kind_of(const CpuRegisters& registers) {
    constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
    const std::uint64_t call =
        registers.rax << 20 ^ small(registers.rdi) << 10 ^ small(registers.rsi);
    return static_cast<Kind>(call * kMultiplier >> 56);
  }

  bool is_long(Kind kind) const { return score_[kind] > 0; }
  void learn(Kind kind, bool was_long) {
    std::int8_t& score = score_[kind];
    score = was_long ? kSure : static_cast<std::int8_t>(std::max(score - 1, -1));
  }

 private:
  static constexpr std::int8_t kSure = 2;  // short ones in a row until it is doubted
  static constexpr std::uint64_t small(std::uint64_t argument) {
    return argument < 1024 ? argument : 0;
  }

  std::array<std::int8_t, 256> score_{};
};

}  // namespace gonzo
