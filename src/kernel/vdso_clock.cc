#include "kernel/vdso_clock.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace gonzo {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr double kWindow = 10'000'000;
/// In this time a line gives up what it is ahead of the host.
constexpr double kCatchUp = 100'000'000;
constexpr std::int64_t kMostAhead = 1'000'000;
/// What two readings of a clock may differ by; one that was set differs by more.
constexpr std::int64_t kReadingError = 1000;

std::uint64_t fixed_point(double slope) {
  return static_cast<std::uint64_t>(std::llround(std::ldexp(slope, 32)));
}

gonzo_clock_base base_at(std::int64_t nanoseconds) {
  return {.seconds = static_cast<std::uint64_t>(nanoseconds / kSecond),
          .nanoseconds = static_cast<std::uint64_t>(nanoseconds % kSecond) << 32};
}

/// The clock's value at another tick, near the reading's.
std::int64_t value_at(const ClockReading& reading, std::uint64_t ticks, double slope) {
  const auto distance = static_cast<std::int64_t>(ticks - reading.ticks);
  return reading.value + static_cast<std::int64_t>(slope * static_cast<double>(distance));
}

/// How much of a slope a line takes that is so far ahead of its clock.
double share(std::int64_t ahead) {
  return 1 - std::clamp(static_cast<double>(ahead) / kCatchUp, 0.0, 0.5);
}

/// Where a clock goes on: never back to before what its line showed last. But where that is far
/// ahead of the host, the counter jumped, or the clock was set.
std::int64_t go_on(std::int64_t host, std::int64_t shown) {
  return shown > host && shown - host < kMostAhead ? shown : host;
}

/// The quickest of some tries. None: each was interrupted.
std::optional<ClockReading> read(TimeSource& source, clockid_t clock) {
  constexpr int kTries = 3;
  constexpr std::uint64_t kMostTicks = 20'000;  // 5 us or more
  std::optional<ClockReading> best;
  std::uint64_t least = kMostTicks;
  for (int i = 0; i < kTries; ++i) {
    const std::uint64_t before = source.ticks();
    const std::int64_t value = source.now(clock);
    const std::uint64_t took = source.ticks() - before;
    if (took >= least) continue;
    least = took;
    best = ClockReading{before, value};
  }
  return best;
}

}  // namespace

VdsoClock::VdsoClock(TimeSource& source, gonzo_clock_page& page) : source_(source), page_(page) {}

std::optional<timespec> VdsoClock::now(clockid_t clock) {
  const bool coarse = clock == CLOCK_MONOTONIC_COARSE;
  if (!coarse && gonzo_clock_has_line(static_cast<unsigned>(clock)) == 0) return {};
  const LockGuard guard(lock_);
  if (!is_usable()) return {};
  std::uint64_t ticks = source_.ticks();
  if (!laid_ || ticks - lines_.start >= lines_.window) {
    refresh();
    ticks = source_.ticks();
  }
  if (!laid_) {
    if (coarse) return {};
    return ask_host(clock);
  }
  gonzo_clock_time time =
      gonzo_clock_at(&lines_, static_cast<unsigned>(coarse ? CLOCK_MONOTONIC : clock),
                     std::min(ticks - lines_.start, lines_.window));
  if (coarse) gonzo_clock_to_tick(&time, page_.tick_ns);
  return timespec{static_cast<std::time_t>(time.seconds), static_cast<long>(time.nanoseconds)};
}

std::optional<std::time_t> VdsoClock::seconds() {
  const auto time = now(CLOCK_REALTIME);
  if (!time || time->tv_nsec < GONZO_COARSE_LAG_NS) return {};
  return time->tv_sec;
}

void VdsoClock::clock_was_set() {
  const LockGuard guard(lock_);
  if (laid_) refresh();
}

bool VdsoClock::is_usable() {
  if (!usable_) usable_ = source_.has_steady_ticks();
  return *usable_;
}

std::int64_t VdsoClock::on_line(clockid_t clock, std::uint64_t ticks) const {
  const gonzo_clock_time time = gonzo_clock_at(&lines_, static_cast<unsigned>(clock),
                                               std::min(ticks - lines_.start, lines_.window));
  return static_cast<std::int64_t>(time.seconds) * kSecond + time.nanoseconds;
}

/// While there are no lines. Under the lock, so that the answer is given before there are; and no
/// earlier time than what the last ones showed.
timespec VdsoClock::ask_host(clockid_t clock) {
  const std::int64_t value =
      go_on(source_.now(clock), on_line(clock, lines_.start + lines_.window));
  return {value / kSecond, value % kSecond};
}

std::optional<VdsoClock::Readings> VdsoClock::read_all() {
  const auto monotonic = read(source_, CLOCK_MONOTONIC);
  const auto raw = read(source_, CLOCK_MONOTONIC_RAW);
  const auto realtime = read(source_, CLOCK_REALTIME);
  const auto boottime = read(source_, CLOCK_BOOTTIME);
  const auto tai = read(source_, CLOCK_TAI);
  if (!monotonic || !raw || !realtime || !boottime || !tai) return {};
  return Readings{*monotonic, *raw, *realtime, *boottime, *tai};
}

void VdsoClock::refresh() {
  const auto readings = read_all();
  if (!readings) return withdraw();
  const auto monotonic = monotonic_slope_.update(readings->monotonic);
  const auto raw = raw_slope_.update(readings->raw);
  if (!monotonic || !raw) return withdraw();
  lay(*readings, {*monotonic, *raw});
}

void VdsoClock::withdraw() {
  if (!laid_) return;
  laid_ = false;
  begin_write();
  page_.lines.window = 0;
  end_write();
}

/// Readers wait meanwhile, so that nobody finds a line of before at a later tick than the new ones
/// begin with.
void VdsoClock::lay(const Readings& readings, const Slopes& slopes) {
  if (page_.tick_ns == 0) {
    page_.resolution_ns = static_cast<std::uint32_t>(source_.resolution(CLOCK_MONOTONIC));
    page_.tick_ns = static_cast<std::uint32_t>(source_.resolution(CLOCK_MONOTONIC_COARSE));
  }
  offsets_[CLOCK_REALTIME] = offset(CLOCK_REALTIME, readings.realtime, readings, slopes.monotonic);
  offsets_[CLOCK_BOOTTIME] = offset(CLOCK_BOOTTIME, readings.boottime, readings, slopes.monotonic);
  offsets_[CLOCK_TAI] = offset(CLOCK_TAI, readings.tai, readings, slopes.monotonic);

  begin_write();
  gonzo_clock_lines next{};
  next.start = source_.ticks();
  const std::int64_t monotonic = value_at(readings.monotonic, next.start, slopes.monotonic);
  const std::int64_t raw = value_at(readings.raw, next.start, slopes.raw);
  const std::int64_t monotonic_base = go_on(monotonic, on_line(CLOCK_MONOTONIC, next.start));
  const std::int64_t raw_base = go_on(raw, on_line(CLOCK_MONOTONIC_RAW, next.start));
  next.window = static_cast<std::uint64_t>(kWindow / slopes.monotonic);
  next.slope = fixed_point(slopes.monotonic * share(monotonic_base - monotonic));
  next.raw_slope = fixed_point(slopes.raw * share(raw_base - raw));
  next.bases[CLOCK_MONOTONIC] = base_at(monotonic_base);
  next.bases[CLOCK_MONOTONIC_RAW] = base_at(raw_base);
  for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI}) {
    next.bases[clock] = base_at(monotonic_base + offsets_.at(static_cast<std::size_t>(clock)));
  }
  page_.lines = lines_ = next;
  end_write();
  laid_ = true;
}

/// What a clock is ahead of MONOTONIC. The same as ever, but where it was set.
std::int64_t VdsoClock::offset(clockid_t clock, const ClockReading& reading,
                               const Readings& readings, double slope) {
  const std::int64_t found = reading.value - value_at(readings.monotonic, reading.ticks, slope);
  const std::int64_t known = offsets_.at(static_cast<std::size_t>(clock));
  return lines_.window != 0 && std::abs(found - known) < kReadingError ? known : found;
}

/// The odd number is everybody's before the next instruction reads the counter.
void VdsoClock::begin_write() {
  __atomic_exchange_n(&page_.sequence, page_.sequence + 1, __ATOMIC_SEQ_CST);
}

void VdsoClock::end_write() {
  __atomic_store_n(&page_.sequence, page_.sequence + 1, __ATOMIC_RELEASE);
}

}  // namespace gonzo
