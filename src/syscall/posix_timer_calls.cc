// timer_create(2) and its kin. Linux: kernel/time/posix-timers.c.
#include <sys/timerfd.h>

#include <csignal>
#include <ctime>

#include "kernel/posix_timer.h"
#include "kernel/process_table.h"
#include "syscall/handlers.h"
#include "syscall/sleep.h"
#include "syscall/user_types.h"

namespace gonzo {

namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

/// struct sigevent as the x86-64 kernel lays it out.
struct Event {
  std::uint64_t value = 0;
  std::int32_t signal = SIGALRM;
  std::int32_t notify = SIGEV_SIGNAL;
  std::int32_t thread = 0;
  std::array<std::int32_t, 11> padding{};
};
static_assert(sizeof(Event) == 64);

/// i386's (Linux: compat_sigevent).
struct NarrowEvent {
  std::uint32_t value;
  std::int32_t signal, notify, thread;
  std::array<std::int32_t, 12> padding;
};
static_assert(sizeof(NarrowEvent) == 64);

Result<Event> load_event(Call& call, VirtAddr from) {
  if (!call.is_i386()) return call.memory().load<Event>(from);
  GONZO_ASSIGN(const auto narrow, call.memory().load<NarrowEvent>(from));
  return Event{.value = narrow.value,
               .signal = narrow.signal,
               .notify = narrow.notify,
               .thread = narrow.thread};
}

/// EINVAL: no such clock, or nobody's; EOPNOTSUPP: it has no timers.
Result<std::shared_ptr<const TimerClock>> clock_for(Call& call, clockid_t clock) {
  if (const auto number = CpuClockNumber::decode(clock)) {
    return CpuTimeClock::find(call.task, *number);
  }
  switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_TAI:
      return std::make_shared<const RealTimeClock>();
    default: {
      // Numbers below zero that are no CPU clock's are a device's.
      timespec time{};
      const bool exists = clock < 0 || ::clock_gettime(clock, &time) == 0;
      return fail(exists ? Errno::kOpNotSupp : Errno::kInval);
    }
  }
}

/// Linux: good_sigevent.
Result<PosixTimer::Notice> notice_from(Call& call, const Event& event) {
  PosixTimer::Notice notice{.signal = event.signal, .value = event.value};
  switch (event.notify) {
    case SIGEV_NONE:
      notice.signal = 0;
      return notice;
    case SIGEV_THREAD_ID: {
      const auto task = call.processes().find_task(event.thread);
      if (task == nullptr || &task->process() != &call.process()) return fail(Errno::kInval);
      notice.thread = event.thread;
      break;
    }
    case SIGEV_SIGNAL:
    case SIGEV_THREAD:
      break;
    default:
      return fail(Errno::kInval);
  }
  if (!is_signal(event.signal)) return fail(Errno::kInval);
  return notice;
}

itimerspec to_itimerspec(const PosixTimer::Setting& setting) {
  return {.it_interval = to_timespec(setting.interval), .it_value = to_timespec(setting.left)};
}

nanoseconds left_until(const PosixTimer& timer, const timespec& deadline) {
  timespec now{};
  const bool counts_cpu = CpuClockNumber::decode(timer.clock_id()).has_value();
  if (!counts_cpu) ::clock_gettime(timer.clock_id(), &now);
  const nanoseconds passed =
      counts_cpu ? timer.clock().now().value_or(nanoseconds(0)) : to_duration(now);
  return std::max(to_duration(deadline) - passed, nanoseconds(0));
}

}  // namespace

std::int64_t sys_timer_create(Call& call) {
  Event event;
  if (!call.is_null(1)) {
    const auto given = load_event(call, call.address(1));
    if (!given) return raw(given.error());
    event = *given;
  }
  const auto clock = clock_for(call, call.integer(0));
  if (!clock) return raw(clock.error());
  auto notice = notice_from(call, event);
  if (!notice) return raw(notice.error());
  if (call.is_null(1)) notice->value.reset();
  PosixTimers& timers = call.process().posix_timers();
  const auto number =
      timers.create(call.process().system().deadlines(), call.process().weak_from_this(),
                    {call.integer(0), *clock, *notice});
  if (!number) return raw(number.error());
  const auto stored = call.memory().store(call.address(2), *number);
  if (!stored) std::ignore = timers.remove(*number);
  return raw(stored);
}

std::int64_t sys_timer_settime(Call& call) {
  if (call.is_null(2)) return -EINVAL;
  const auto wanted = load_longs<itimerspec>(call, call.address(2));
  if (!wanted) return raw(wanted.error());
  if (!is_valid(wanted->it_value) || !is_valid(wanted->it_interval)) return -EINVAL;
  const auto timer = call.process().posix_timers().find(call.integer(0));
  if (!timer) return raw(timer.error());
  if (!(*timer)->clock().now()) return -ESRCH;  // whose time it counted has ended
  const timespec& value = wanted->it_value;
  const bool starts = value.tv_sec != 0 || value.tv_nsec != 0;
  const bool absolute = (call.integer(1) & TIMER_ABSTIME) != 0;
  const auto before =
      (*timer)->set(starts ? PosixTimer::Arming::kStart : PosixTimer::Arming::kStop,
                    {.left = absolute ? left_until(**timer, value) : to_duration(value),
                     .interval = to_duration(wanted->it_interval)});
  return call.is_null(3) ? 0 : raw(store_longs(call, call.address(3), to_itimerspec(before)));
}

std::int64_t sys_timer_gettime(Call& call) {
  const auto timer = call.process().posix_timers().find(call.integer(0));
  if (!timer) return raw(timer.error());
  return raw(store_longs(call, call.address(1), to_itimerspec((*timer)->get())));
}

std::int64_t sys_timer_getoverrun(Call& call) {
  const auto timer = call.process().posix_timers().find(call.integer(0));
  return timer ? (*timer)->overrun() : raw(timer.error());
}

std::int64_t sys_timer_delete(Call& call) {
  return raw(call.process().posix_timers().remove(call.integer(0)));
}

}  // namespace gonzo
