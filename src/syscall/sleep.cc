#include "syscall/sleep.h"

#include <sys/syscall.h>

#include "syscall/table.h"

namespace gonzo {

namespace {
constexpr long kNanoseconds = 1'000'000'000;
}

bool is_valid(const timespec& time) {
  return time.tv_sec >= 0 && time.tv_nsec >= 0 && time.tv_nsec < kNanoseconds;
}

std::int64_t sleep_until(Call& call, clockid_t clock, const timespec& deadline) {
  return call.host(SYS_clock_nanosleep, {static_cast<std::uint64_t>(clock), TIMER_ABSTIME,
                                         reinterpret_cast<std::uint64_t>(&deadline), 0});
}

Result<timespec> deadline_after(clockid_t clock, const timespec& duration) {
  timespec now;
  if (clock_gettime(clock, &now) != 0) return fail_from_host();
  timespec deadline{};
  if (__builtin_add_overflow(now.tv_sec, duration.tv_sec, &deadline.tv_sec)) {
    deadline.tv_sec = INT64_MAX / kNanoseconds;
  }
  deadline.tv_nsec = now.tv_nsec + duration.tv_nsec;
  if (deadline.tv_nsec >= kNanoseconds) {
    deadline.tv_nsec -= kNanoseconds;
    ++deadline.tv_sec;
  }
  return deadline;
}

timespec time_left(clockid_t clock, const timespec& deadline) {
  timespec now{};
  clock_gettime(clock, &now);
  timespec left{deadline.tv_sec - now.tv_sec, deadline.tv_nsec - now.tv_nsec};
  if (left.tv_nsec < 0) {
    left.tv_nsec += kNanoseconds;
    --left.tv_sec;
  }
  return left.tv_sec < 0 ? timespec{0, 0} : left;
}

}  // namespace gonzo
