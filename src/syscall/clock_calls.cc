// What time it is. The vDSO says the same (kernel/vdso_clock.h).
#include <sys/syscall.h>
#include <sys/time.h>

#include <chrono>
#include <optional>

#include "kernel/exit.h"
#include "kernel/process_table.h"
#include "kernel/system.h"
#include "kernel/vdso.h"
#include "syscall/handlers.h"
#include "syscall/pass_through.h"
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

/// The CPU time of a process or thread by its number, as a clock's number says it. Linux:
/// posix_cpu_clock_get. EINVAL: nobody's, another process's thread, a device.
Result<std::chrono::nanoseconds> cpu_clock(Call& call, clockid_t clock) {
  constexpr int kPerThread = 4, kKindMask = 3, kKinds = 3, kNumberAt = 3;
  const int id = ~(clock >> kNumberAt);
  if ((clock & kKindMask) == kKinds) return fail(Errno::kInval);
  if ((clock & kPerThread) == 0) {
    const auto process = call.processes().find(id != 0 ? id : call.process().pid());
    if (process == nullptr) return fail(Errno::kInval);
    const Usage used = usage_of(*process);
    return used.user + used.system;
  }
  const auto task = call.processes().find_task(id != 0 ? id : call.task.tid());
  if (task == nullptr || &task->process() != &call.process()) return fail(Errno::kInval);
  return thread_cpu_time(task->await_host_thread());
}

}  // namespace

// Clocks of processes and threads have negative numbers, which to the host mean its own.

std::int64_t sys_clock_gettime(Call& call) {
  if (call.integer(0) < 0) {
    const auto used = cpu_clock(call, call.integer(0));
    if (!used) return raw(used.error());
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(*used);
    return raw(
        store_longs(call, call.address(1), timespec{whole.count(), (*used - whole).count()}));
  }
  const auto time = time_of(call, call.integer(0));
  if (!time) return PassThrough(call).run();
  return raw(store_longs(call, call.address(1), *time));
}

std::int64_t sys_clock_getres(Call& call) {
  if (call.integer(0) >= 0) return PassThrough(call).run();
  if (const auto used = cpu_clock(call, call.integer(0)); !used) return raw(used.error());
  return call.is_null(1) ? 0 : raw(store_longs(call, call.address(1), timespec{0, 1}));
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
  if (call.row.number != SYS_adjtimex && call.integer(0) < 0) return -EINVAL;
  const std::int64_t result = PassThrough(call).run();
  if (VdsoClock* const machine = machine_clock(call)) machine->clock_was_set();
  return result;
}

}  // namespace gonzo
