// The machine's time as guests see it, by system call and by the vDSO's code alike. Linux: struct
// timekeeper and vdso_time_data (kernel/time/vsyscall.c).
//
// Each clock is a line over the time-stamp counter, laid through readings of the host's clock. Both
// ways read the same lines, so no clock goes backwards between them. Lines hold for 10 ms; the
// first who asks later does so by a system call, which lays them anew: nobody works ahead for
// guests that do not ask. A new line begins where the old one got to, or at the host's time if that
// is later, and is a little flatter while it is ahead of the host's.
#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <optional>

#include "kernel/tick_slope.h"
#include "kernel/time_source.h"
#include "kernel/vdso/clock_page.h"
#include <gonzo/base/lock.h>

namespace gonzo {

/// Thread-safe.
class VdsoClock {
 public:
  /// `page` reads as zeros; it and `source` outlive this. Guests may read the page at any time.
  VdsoClock(TimeSource& source, gonzo_clock_page& page);
  VdsoClock(const VdsoClock&) = delete;
  VdsoClock& operator=(const VdsoClock&) = delete;

  /// clock_gettime(2). None: a clock that the host is to be asked for.
  std::optional<timespec> now(clockid_t clock) GONZO_EXCLUDES(lock_);
  /// time(2), which goes with the stamps of files. None: the host is to be asked.
  std::optional<std::time_t> seconds() GONZO_EXCLUDES(lock_);
  /// The host's clock may have been set: what the lines say is over.
  void clock_was_set() GONZO_EXCLUDES(lock_);

 private:
  struct Readings {
    ClockReading monotonic, raw, realtime, boottime, tai;
  };
  struct Slopes {
    double monotonic, raw;  ///< nanoseconds a tick
  };

  bool is_usable() GONZO_REQUIRES(lock_);
  void refresh() GONZO_REQUIRES(lock_);
  std::optional<Readings> read_all();
  void lay(const Readings& readings, const Slopes& slopes) GONZO_REQUIRES(lock_);
  std::int64_t offset(clockid_t clock, const ClockReading& reading, const Readings& readings,
                      double slope) GONZO_REQUIRES(lock_);
  /// Takes the lines away.
  void withdraw() GONZO_REQUIRES(lock_);
  void begin_write() GONZO_REQUIRES(lock_);
  void end_write() GONZO_REQUIRES(lock_);
  /// What a line showed at `ticks`, or at its end.
  std::int64_t on_line(clockid_t clock, std::uint64_t ticks) const GONZO_REQUIRES(lock_);
  timespec ask_host(clockid_t clock) GONZO_REQUIRES(lock_);

  TimeSource& source_;
  gonzo_clock_page& page_;
  Mutex lock_;
  std::optional<bool> usable_ GONZO_GUARDED_BY(lock_);
  TickSlope monotonic_slope_ GONZO_GUARDED_BY(lock_), raw_slope_ GONZO_GUARDED_BY(lock_);
  bool laid_ GONZO_GUARDED_BY(lock_) = false;  ///< else `lines_` are of the past
  gonzo_clock_lines lines_ GONZO_GUARDED_BY(lock_){};
  /// REALTIME and its kin are MONOTONIC and these.
  std::array<std::int64_t, GONZO_CLOCKS> offsets_ GONZO_GUARDED_BY(lock_){};
};

}  // namespace gonzo
