// Signal numbers as sets, and what a signal carries. Linux: include/uapi/asm-generic/siginfo.h.
#pragma once

#include <array>
#include <cstdint>

namespace gonzo {

inline constexpr int kSignals = 64;

/// Bit n-1 is signal n (the kernel's sigset_t).
using SignalSet = std::uint64_t;
constexpr SignalSet signal_bit(int signal) { return SignalSet{1} << (signal - 1); }
constexpr bool is_signal(int signal) { return signal >= 1 && signal <= kSignals; }

/// siginfo_t as the x86-64 kernel lays it out: 128 bytes, copied to the guest as it is.
struct SignalInfo {
  std::int32_t signal = 0;  ///< si_signo
  std::int32_t error = 0;   ///< si_errno
  std::int32_t code = 0;    ///< si_code: SI_*, SEGV_*, BUS_* ...
  std::int32_t padding = 0;
  /// The union: a fault's address in the first; a sender's pid and uid in the first's halves and
  /// its value in the second.
  std::array<std::uint64_t, 14> fields{};

  static SignalInfo fault(int signal, int code, std::uint64_t address) {
    SignalInfo info{.signal = signal, .code = code};
    info.fields[0] = address;
    return info;
  }
  /// kill (SI_USER), tgkill (SI_TKILL), sigqueue (SI_QUEUE).
  static SignalInfo sent(int signal, int code, int pid, unsigned uid, std::uint64_t value = 0) {
    SignalInfo info{.signal = signal, .code = code};
    info.fields[0] = static_cast<std::uint32_t>(pid) | (std::uint64_t{uid} << 32);
    info.fields[1] = value;
    return info;
  }
};
static_assert(sizeof(SignalInfo) == 128);

}  // namespace gonzo
