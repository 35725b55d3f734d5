// How Linux numbers the clocks of processes' and threads' CPU time. Linux:
// include/linux/posix-timers.h, MAKE_PROCESS_CPUCLOCK.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <optional>

namespace gonzo {

enum class CpuClockKind : std::uint8_t {
  kAll,        ///< user and system, counted by ticks (CPUCLOCK_PROF)
  kUser,       ///< CPUCLOCK_VIRT
  kScheduled,  ///< both, exactly: what clock_getcpuclockid(3) gives
};

struct CpuClockNumber {
  pid_t id = 0;  ///< 0: the caller
  CpuClockKind kind = CpuClockKind::kScheduled;
  enum class Of : bool { kProcess, kThread };
  Of of = Of::kProcess;

  constexpr clockid_t encode() const {
    const unsigned low = static_cast<unsigned>(kind) | (of == Of::kThread ? kThreadBit : 0);
    return static_cast<clockid_t>((~static_cast<unsigned>(id) << kIdShift) | low);
  }
  /// Nothing: not such a clock's number.
  static constexpr std::optional<CpuClockNumber> decode(clockid_t clock) {
    if (clock == CLOCK_PROCESS_CPUTIME_ID) return CpuClockNumber{};
    if (clock == CLOCK_THREAD_CPUTIME_ID) return CpuClockNumber{.of = Of::kThread};
    const unsigned number = static_cast<unsigned>(clock);
    if (clock >= 0 || (number & kKindMask) == kKindMask) return std::nullopt;
    return CpuClockNumber{.id = ~(clock >> kIdShift),
                          .kind = static_cast<CpuClockKind>(number & kKindMask),
                          .of = (number & kThreadBit) != 0 ? Of::kThread : Of::kProcess};
  }

 private:
  static constexpr unsigned kIdShift = 3, kThreadBit = 4, kKindMask = 3;
};

}  // namespace gonzo
