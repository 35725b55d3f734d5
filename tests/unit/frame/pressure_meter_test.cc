// Averages of /proc/pressure against a straightforward reading of what Linux does every two
// seconds.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

#include <gonzo/frame/pressure_meter.h>

namespace gonzo::test {
namespace {

using namespace std::chrono_literals;
using Time = PressureMeter::Time;

/// One step for each period, of the stalled time in it.
std::array<std::uint64_t, 3> reference(const std::vector<std::chrono::nanoseconds>& stalled) {
  constexpr std::array<std::uint64_t, 3> kDecay{1677, 1981, 2034};
  std::array<std::uint64_t, 3> averages{};
  for (const auto time : stalled) {
    const auto sample = static_cast<std::uint64_t>(time * 100 / PressureMeter::kPeriod) * 2048;
    for (std::size_t i = 0; i < averages.size(); ++i) {
      std::uint64_t scaled = averages[i] * kDecay[i] + sample * (2048 - kDecay[i]);
      if (sample >= averages[i]) scaled += 2047;
      averages[i] = scaled / 2048;
    }
  }
  for (auto& average : averages) average = average * 100 / 2048;
  return averages;
}

TEST(PressureMeter, IsZeroBeforeAnything) {
  PressureMeter meter(Time(5s));
  meter.pass(Time(100s), Stalled::kNo);
  EXPECT_EQ(meter.line("some"), "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
}

TEST(PressureMeter, CountsWhatWasStalled) {
  PressureMeter meter(Time(0s));
  meter.pass(Time(1s), Stalled::kNo);
  meter.pass(Time(1s + 1234567ns), Stalled::kYes);
  meter.pass(Time(1s), Stalled::kYes);  // the past
  EXPECT_EQ(meter.total(), 1234567ns);
  EXPECT_EQ(meter.line("full"), "full avg10=0.00 avg60=0.00 avg300=0.00 total=1234\n");
}

TEST(PressureMeter, AnAverageMovesAtThePeriodsEnd) {
  PressureMeter meter(Time(0s));
  meter.pass(Time(1999ms), Stalled::kYes);
  EXPECT_EQ(meter.hundredths()[0], 0U);
  meter.pass(Time(2s), Stalled::kNo);
  // 99 % of a period: 100 * (1 - e^(-2/10)) and so on.
  EXPECT_NEAR(static_cast<double>(meter.hundredths()[0]), 1795, 5);
  EXPECT_NEAR(static_cast<double>(meter.hundredths()[1]), 325, 5);
  EXPECT_NEAR(static_cast<double>(meter.hundredths()[2]), 67, 5);
}

TEST(PressureMeter, EndsAtAllOrNothing) {
  PressureMeter meter(Time(0s));
  meter.pass(Time(1h), Stalled::kYes);
  EXPECT_EQ(meter.line("some"), "some avg10=100.00 avg60=100.00 avg300=100.00 total=3600000000\n");
  meter.pass(Time(10h), Stalled::kNo);
  EXPECT_EQ(meter.line("some"), "some avg10=0.00 avg60=0.00 avg300=0.00 total=3600000000\n");
}

TEST(PressureMeter, AgreesWithASampleEveryPeriod) {
  std::mt19937_64 random(7);
  for (int life = 0; life < 50; ++life) {
    PressureMeter meter(Time(0s));
    std::vector<std::chrono::nanoseconds> periods(1);
    std::chrono::nanoseconds now{0}, total{0};
    for (int step = 0; step < 400; ++step) {
      const auto state = random() % 2 == 0 ? Stalled::kYes : Stalled::kNo;
      std::chrono::nanoseconds left(random() % (step % 10 == 0 ? 9'000'000'000 : 700'000'000));
      now += left;
      if (state == Stalled::kYes) total += left;
      meter.pass(Time(now), state);
      // The same, told period by period.
      std::chrono::nanoseconds at = now - left;
      while (at < now) {
        const auto end = PressureMeter::kPeriod * static_cast<long>(periods.size());
        const auto part = std::min<std::chrono::nanoseconds>(now, end) - at;
        if (state == Stalled::kYes) periods.back() += part;
        at += part;
        if (at == end) periods.emplace_back(0);
      }
    }
    EXPECT_EQ(meter.total(), total);
    periods.pop_back();  // has not ended
    const auto expected = reference(periods), got = meter.hundredths();
    // Several periods at once round a little less often.
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_NEAR(static_cast<double>(got[i]), static_cast<double>(expected[i]), 12) << i;
    }
  }
}

}  // namespace
}  // namespace gonzo::test
