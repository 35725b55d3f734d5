// Clocks, sleeping, futexes.
#include <sys/syscall.h>
#include <sys/timex.h>

#include "syscall/handlers.h"
#include "syscall/table.h"

namespace gonzo {

namespace {

constexpr std::uint32_t kTimeBytes = 16;
constexpr std::uint32_t kZoneBytes = 8;

constexpr Argument clock() { return flags(symbols::kClock); }
constexpr Argument timespec_out() {
  return out_struct(kTimeBytes).shown_as(Style::kTimespec).made_of(Members::kLongs);
}
constexpr Argument timespec_in() {
  return in_struct(kTimeBytes).shown_as(Style::kTimespec).made_of(Members::kLongs);
}
constexpr Argument timespec_read() { return pointer(Direction::kIn, Style::kTimespec, kTimeBytes); }
constexpr Argument timespec_left() { return pointer(Direction::kOut); }

constexpr SyscallRow kRows[] = {
    {SYS_time, "time", call(sys_time, out_struct(8).made_of(Members::kLongs).or_null())},
    {SYS_gettimeofday, "gettimeofday",
     call(sys_gettimeofday,
          out_struct(kTimeBytes).shown_as(Style::kTimeval).made_of(Members::kLongs).or_null(),
          out_struct(kZoneBytes).or_null())},
    {SYS_clock_gettime, "clock_gettime", call(sys_clock_gettime, clock(), timespec_out())},
    {SYS_clock_getres, "clock_getres", call(sys_clock_getres, clock(), timespec_out().or_null())},
    {SYS_clock_settime, "clock_settime", call(sys_set_clock, clock(), timespec_in())},
    {SYS_adjtimex, "adjtimex", call(sys_set_clock, inout_struct(sizeof(timex)))},
    {SYS_clock_adjtime, "clock_adjtime", call(sys_set_clock, clock(), inout_struct(sizeof(timex)))},
    {SYS_nanosleep, "nanosleep",
     call(sys_nanosleep, timespec_read(), timespec_left()).when_interrupted(Interruption::kNever)},
    {SYS_clock_nanosleep, "clock_nanosleep",
     call(sys_clock_nanosleep, clock(), hex(), timespec_read(), timespec_left())
         .when_interrupted(Interruption::kNever)},
    {SYS_timer_create, "timer_create",
     call(sys_timer_create, clock(), pointer(), pointer(Direction::kOut, Style::kIntegers, 4))},
    {SYS_timer_settime, "timer_settime",
     call(sys_timer_settime, integer(), hex(), pointer(), pointer(Direction::kOut))},
    {SYS_timer_gettime, "timer_gettime",
     call(sys_timer_gettime, integer(), pointer(Direction::kOut))},
    {SYS_timer_getoverrun, "timer_getoverrun", call(sys_timer_getoverrun, integer())},
    {SYS_timer_delete, "timer_delete", call(sys_timer_delete, integer())},
    {SYS_futex, "futex",
     call(sys_futex, address(), flags(symbols::kFutex), size(), timespec_read(), address(), size())
         .when_interrupted(Interruption::kNever)},
};

}  // namespace

std::span<const SyscallRow> time_rows() { return kRows; }

}  // namespace gonzo
