#include "machine/host/host_clock.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

#include "machine/memory_file.h"
#include <gonzo/base/cpu_clock_number.h>

namespace gonzo {

using std::chrono::nanoseconds;

std::optional<nanoseconds> process_cpu_time(pid_t process) {
  timespec time{};
  if (clock_gettime(CpuClockNumber{.id = process}.encode(), &time) != 0) return std::nullopt;
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

std::optional<nanoseconds> thread_cpu_time(pid_t process, pid_t thread) {
  // A clock by number is only for threads of the caller's own process.
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "/proc/%d/task/%d/schedstat", process, thread);
  const FileDescriptor file(open(text.data(), O_RDONLY | O_CLOEXEC));
  const ssize_t length = read(file.get(), text.data(), text.size());
  if (length <= 0) return std::nullopt;
  std::int64_t time = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + length, time);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return nanoseconds(time);
}

}  // namespace gonzo
