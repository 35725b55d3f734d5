// What time it is. The vDSO says the same (kernel/vdso_clock.h).
#include <sys/syscall.h>
#include <sys/time.h>

#include <chrono>
#include <optional>

#include "kernel/process_table.h"
#include "kernel/system.h"
#include "kernel/vdso.h"
#include "syscall/handlers.h"
#include "syscall/pass_through.h"
#include "syscall/sleep.h"
#include "syscall/table.h"
#include "syscall/user_types.h"

namespace gonzo {
namespace {

VdsoClock* machine_clock(Call& call) {
  const auto vdso = call.process().system().vdso();
  return vdso ? &(*vdso)->clock() : nullptr;
}

std::optional<timespec> time_of(Call& call, clockid_t clock) {
  VdsoClock* const machine = machine_clock(call);
  return machine != nullptr ? machine->now(clock) : std::nullopt;
}

}  // namespace

// To the host, clocks of CPU time would be its own.

std::int64_t sys_clock_gettime(Call& call) {
  if (const auto number = CpuClockNumber::decode(call.integer(0))) {
    const auto used = cpu_time(call, *number);
    if (!used) return raw(used.error());
    return raw(store_longs(call, call.address(1), to_timespec(*used)));
  }
  if (call.integer(0) < 0) return -EINVAL;
  const auto time = time_of(call, call.integer(0));
  if (!time) return PassThrough(call).run();
  return raw(store_longs(call, call.address(1), *time));
}

std::int64_t sys_clock_getres(Call& call) {
  const auto number = CpuClockNumber::decode(call.integer(0));
  if (!number) return call.integer(0) < 0 ? -EINVAL : PassThrough(call).run();
  if (const auto used = cpu_time(call, *number); !used) return raw(used.error());
  timespec resolution{};
  clock_getres(CpuClockNumber{.kind = number->kind}.encode(), &resolution);
  return call.is_null(1) ? 0 : raw(store_longs(call, call.address(1), resolution));
}

std::int64_t sys_gettimeofday(Call& call) {
  const bool wants_zone = !call.is_null(1);
  if (wants_zone) {
    if (const std::int64_t result = PassThrough(call).run(); result < 0) return result;
  }
  if (call.is_null(0)) return 0;
  const auto time = time_of(call, CLOCK_REALTIME);
  if (!time) return wants_zone ? 0 : PassThrough(call).run();
  constexpr long kNanoseconds = 1000;
  const timeval value{time->tv_sec, time->tv_nsec / kNanoseconds};
  return raw(store_longs(call, call.address(0), value));
}

std::int64_t sys_time(Call& call) {
  VdsoClock* const machine = machine_clock(call);
  const auto seconds = machine != nullptr ? machine->seconds() : std::nullopt;
  if (!seconds) return PassThrough(call).run();
  if (!call.is_null(0)) {
    const std::int64_t value = *seconds;
    if (auto stored = store_long_array(call, call.address(0), {&value, 1}); !stored) {
      return raw(stored.error());
    }
  }
  return *seconds;
}

/// clock_settime, adjtimex, clock_adjtime: the host's word counts, and is seen at once.
std::int64_t sys_set_clock(Call& call) {
  if (call.row.number != SYS_adjtimex) {
    if (const auto number = CpuClockNumber::decode(call.integer(0))) {
      const bool is_numbered = call.integer(0) < 0;
      return is_numbered && cpu_time(call, *number) ? -EPERM : -EINVAL;
    }
    if (call.integer(0) < 0) return -EINVAL;
  }
  const std::int64_t result = PassThrough(call).run();
  if (VdsoClock* const machine = machine_clock(call)) machine->clock_was_set();
  return result;
}

}  // namespace gonzo
