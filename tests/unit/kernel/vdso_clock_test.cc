// The lines through the host's clocks, with a host whose clocks do what a test says.
#include "kernel/vdso_clock.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace gonzo {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMillisecond = 1'000'000;

/// 2.5 ticks a nanosecond at first. Reading counter or clock takes time itself.
class FakeTime final : public TimeSource {
 public:
  bool has_steady_ticks() override { return steady; }
  std::uint64_t ticks() override {
    pass(10);
    return static_cast<std::uint64_t>(std::llround(counter));
  }
  std::int64_t now(clockid_t clock) override {
    pass(20);
    return value(clock);
  }
  std::int64_t resolution(clockid_t clock) override {
    return clock == CLOCK_MONOTONIC_COARSE ? 4 * kMillisecond : 1;
  }

  std::int64_t value(clockid_t clock) const {
    if (clock == CLOCK_MONOTONIC_RAW) return std::llround(raw);
    return std::llround(monotonic) + (offsets.contains(clock) ? offsets.at(clock) : 0);
  }
  void pass(double nanoseconds) {
    monotonic += nanoseconds * slew;
    raw += nanoseconds;
    counter += nanoseconds * rate;
  }

  bool steady = true;
  double rate = 2.5, slew = 1;
  double monotonic = 5e9, raw = 4e9, counter = 1e12;
  std::map<clockid_t, std::int64_t> offsets{{CLOCK_REALTIME, 1'700'000'000 * kSecond},
                                            {CLOCK_BOOTTIME, 7 * kSecond},
                                            {CLOCK_TAI, 1'700'000'037 * kSecond}};
};

class VdsoClockTest : public testing::Test {
 protected:
  std::int64_t now(clockid_t clock) {
    const auto time = clock_.now(clock);
    return time ? time->tv_sec * kSecond + time->tv_nsec : -1;
  }
  /// As the vDSO's code reads it: none when it would make the call.
  std::optional<std::int64_t> in_page(clockid_t clock) {
    EXPECT_EQ(page_.sequence % 2, 0U);
    const std::uint64_t elapsed = time_.ticks() - page_.lines.start;
    if (elapsed >= page_.lines.window) return {};
    const gonzo_clock_time read =
        gonzo_clock_at(&page_.lines, static_cast<unsigned>(clock), elapsed);
    return static_cast<std::int64_t>(read.seconds) * kSecond + read.nanoseconds;
  }
  std::int64_t read(clockid_t clock) {
    const auto value = in_page(clock);
    return value ? *value : now(clock);
  }
  void calibrate() {
    now(CLOCK_MONOTONIC);
    time_.pass(2 * kMillisecond);
    now(CLOCK_MONOTONIC);
    ASSERT_NE(page_.lines.window, 0U);
  }

  FakeTime time_;
  gonzo_clock_page page_{};
  VdsoClock clock_{time_, page_};
};

TEST_F(VdsoClockTest, TheFirstAnswersAreTheHosts) {
  const std::int64_t before = time_.value(CLOCK_REALTIME);
  const std::int64_t got = now(CLOCK_REALTIME);
  EXPECT_GE(got, before);
  EXPECT_LE(got, time_.value(CLOCK_REALTIME));
  EXPECT_FALSE(in_page(CLOCK_REALTIME));
}

TEST_F(VdsoClockTest, PageAndCallAgreeWithTheHost) {
  calibrate();
  for (const clockid_t clock :
       {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_TAI}) {
    const std::int64_t first = in_page(clock).value();
    const std::int64_t second = now(clock);
    const std::int64_t third = in_page(clock).value();
    EXPECT_LE(first, second) << clock;
    EXPECT_LE(second, third) << clock;
    EXPECT_NEAR(static_cast<double>(third - time_.value(clock)), 0, 100) << clock;
  }
}

TEST_F(VdsoClockTest, LinesHoldForTenMilliseconds) {
  calibrate();
  const std::uint64_t start = page_.lines.start;
  time_.pass(9 * kMillisecond);
  EXPECT_TRUE(in_page(CLOCK_MONOTONIC));
  now(CLOCK_MONOTONIC);
  EXPECT_EQ(page_.lines.start, start) << "nothing to be done";
  time_.pass(2 * kMillisecond);
  EXPECT_FALSE(in_page(CLOCK_MONOTONIC));
  now(CLOCK_MONOTONIC);
  EXPECT_GT(page_.lines.start, start);
  EXPECT_TRUE(in_page(CLOCK_MONOTONIC));
}

TEST_F(VdsoClockTest, ACounterThatRunsBackwardsIsNotBelieved) {
  calibrate();
  time_.counter -= 1e9;
  EXPECT_FALSE(in_page(CLOCK_MONOTONIC));
  const std::int64_t before = now(CLOCK_MONOTONIC);
  time_.pass(2 * kMillisecond);
  EXPECT_GE(now(CLOCK_MONOTONIC), before);
}

TEST_F(VdsoClockTest, NothingGoesBackwardsWhileTheHostIsSlewed) {
  calibrate();
  std::map<clockid_t, std::int64_t> last;
  for (int step = 0; step < 4000; ++step) {
    // NTP's frequency wanders; now and then nobody asks for long.
    time_.slew = 1 + 2e-6 * std::sin(step / 50.0);
    time_.pass(step % 500 == 0 ? 3e9 : 700'000);
    for (const clockid_t clock : {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME}) {
      const std::int64_t value = step % 3 == 0 ? now(clock) : read(clock);
      ASSERT_GE(value, last[clock]) << "step " << step;
      ASSERT_NEAR(static_cast<double>(value - time_.value(clock)), 0, 1500) << "step " << step;
      last[clock] = value;
    }
  }
}

TEST_F(VdsoClockTest, AHardSlewIsMeasuredAnew) {
  calibrate();
  time_.slew = 1.08;
  std::int64_t last = 0;
  for (int step = 0; step < 100; ++step) {
    time_.pass(kMillisecond);
    const std::int64_t value = read(CLOCK_MONOTONIC);
    ASSERT_GE(value, last);
    last = value;
  }
  EXPECT_TRUE(in_page(CLOCK_MONOTONIC));
  EXPECT_NEAR(static_cast<double>(last - time_.value(CLOCK_MONOTONIC)), 0, 2000);
}

TEST_F(VdsoClockTest, ASuspendedHostIsMeasuredAnew) {
  calibrate();
  time_.counter += 2.5e12;  // a quarter of an hour in which CLOCK_MONOTONIC stood still
  time_.offsets[CLOCK_REALTIME] += 1000 * kSecond;
  const std::int64_t before = now(CLOCK_MONOTONIC);
  EXPECT_LT(before - time_.value(CLOCK_MONOTONIC), 1000);
  time_.pass(2 * kMillisecond);
  EXPECT_GE(now(CLOCK_MONOTONIC), before);
  EXPECT_NEAR(static_cast<double>(in_page(CLOCK_REALTIME).value() - time_.value(CLOCK_REALTIME)), 0,
              200);
}

TEST_F(VdsoClockTest, TimeThatIsSetIsSeen) {
  calibrate();
  const std::int64_t monotonic = now(CLOCK_MONOTONIC);
  time_.offsets[CLOCK_REALTIME] -= 3600 * kSecond;
  clock_.clock_was_set();
  EXPECT_NEAR(static_cast<double>(in_page(CLOCK_REALTIME).value() - time_.value(CLOCK_REALTIME)), 0,
              200);
  EXPECT_GE(in_page(CLOCK_MONOTONIC).value(), monotonic);

  time_.offsets[CLOCK_REALTIME] += 60 * kSecond;  // by somebody on the host
  time_.pass(11 * kMillisecond);
  EXPECT_NEAR(static_cast<double>(read(CLOCK_REALTIME) - time_.value(CLOCK_REALTIME)), 0, 200);
}

TEST_F(VdsoClockTest, TheCoarseClockShowsTheLastTick) {
  calibrate();
  EXPECT_EQ(page_.tick_ns, 4U * kMillisecond);
  EXPECT_EQ(page_.resolution_ns, 1U);
  const std::int64_t coarse = now(CLOCK_MONOTONIC_COARSE);
  EXPECT_EQ(coarse % (4 * kMillisecond), 0);
  EXPECT_LT(now(CLOCK_MONOTONIC) - coarse, 4 * kMillisecond);
}

TEST_F(VdsoClockTest, SecondsWaitForTheHostsTick) {
  calibrate();
  const std::int64_t fraction = time_.value(CLOCK_REALTIME) % kSecond;
  time_.pass(static_cast<double>(kSecond - fraction + kMillisecond));
  now(CLOCK_REALTIME);
  EXPECT_FALSE(clock_.seconds()) << "files may still be stamped with the second before";
  time_.pass(30 * kMillisecond);
  EXPECT_EQ(clock_.seconds(), time_.value(CLOCK_REALTIME) / kSecond);
}

TEST_F(VdsoClockTest, OtherClocksAreTheHosts) {
  calibrate();
  for (const clockid_t clock : {CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
                                CLOCK_REALTIME_COARSE, CLOCK_REALTIME_ALARM, 12, 99, -1}) {
    EXPECT_FALSE(clock_.now(clock)) << clock;
  }
}

TEST_F(VdsoClockTest, WithoutASteadyCounterTheHostIsAsked) {
  time_.steady = false;
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(clock_.now(CLOCK_MONOTONIC));
    time_.pass(5 * kMillisecond);
  }
  EXPECT_FALSE(in_page(CLOCK_MONOTONIC));
}

}  // namespace
}  // namespace gonzo
