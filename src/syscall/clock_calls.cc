// What time it is. The vDSO says the same (kernel/vdso_clock.h).
#include <sys/time.h>

#include <optional>

#include "kernel/system.h"
#include "kernel/vdso.h"
#include "syscall/handlers.h"
#include "syscall/pass_through.h"
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

std::int64_t sys_clock_gettime(Call& call) {
  const auto time = time_of(call, call.integer(0));
  if (!time) return PassThrough(call).run();
  return raw(store_longs(call, call.address(1), *time));
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
  const std::int64_t result = PassThrough(call).run();
  if (VdsoClock* const machine = machine_clock(call)) machine->clock_was_set();
  return result;
}

}  // namespace gonzo
