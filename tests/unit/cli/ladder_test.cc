// Which sizes are measured, and where the knee is found to be.
#include "cli/curve/ladder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "unit/cli/example.h"
#include <gonzo/base/address.h>

namespace gonzo::test {
namespace {

constexpr double kFull = 100e6;  // 100 ms

TEST(MemorySizes, AreBytesOrSharesOfThePeak) {
  EXPECT_EQ(parse_memory_size("64M")->of(0), 64 * kMiB);
  EXPECT_EQ(parse_memory_size("1G")->of(5), 1024 * kMiB);
  EXPECT_EQ(parse_memory_size("50%")->of(64 * kMiB), 32 * kMiB);
  EXPECT_EQ(parse_memory_size("12.5%")->of(64 * kMiB), 8 * kMiB);
  EXPECT_EQ(parse_memory_size("110%")->of(10 * kMiB) % kPageSize, 0U);
  for (const char* text : {"", "%", "0%", "-5%", "x%", "5 %", "5%%", "nan%", "1e9%", "1000K", "0",
                           "64Q", "2T", "-1M", "half"}) {
    EXPECT_FALSE(parse_memory_size(text)) << text;
  }
}

TEST(Ladder, GoesDownToAnEighthByItself) {
  const auto rungs = Ladder{}.rungs(64 * kMiB);
  ASSERT_EQ(rungs.size(), 9U);
  EXPECT_EQ(rungs.front(), 64 * kMiB);
  EXPECT_EQ(rungs[4], 32 * kMiB);
  EXPECT_EQ(rungs.back(), 8 * kMiB);
  EXPECT_TRUE(std::ranges::is_sorted(rungs, std::greater()));
}

TEST(Ladder, HasTheStepsThatWereAskedFor) {
  Ladder ladder;
  ladder.steps = 4;
  const auto eighths = ladder.rungs(64 * kMiB);
  EXPECT_EQ(eighths, (std::vector<std::uint64_t>{64 * kMiB, 32 * kMiB, 16 * kMiB, 8 * kMiB}));
  ladder.from = parse_memory_size("200%");
  ladder.to = parse_memory_size("32M");
  ladder.steps = 3;
  EXPECT_EQ(ladder.rungs(64 * kMiB),
            (std::vector<std::uint64_t>{128 * kMiB, 64 * kMiB, 32 * kMiB}));
  ladder.steps = 1;
  EXPECT_EQ(ladder.rungs(64 * kMiB), std::vector<std::uint64_t>{128 * kMiB});
  // The wrong way round is the same ladder.
  Ladder upwards{.sizes = {}, .from = ladder.to, .to = ladder.from, .steps = 3};
  EXPECT_EQ(upwards.rungs(64 * kMiB).front(), 128 * kMiB);
}

TEST(Ladder, HasEachSizeOnceAndNoneThatCannotBe) {
  const Ladder ladder{
      .sizes = {*parse_memory_size("10%"), *parse_memory_size("4M"), *parse_memory_size("50%")},
      .from = {},
      .to = {},
      .steps = {}};
  EXPECT_EQ(ladder.rungs(8 * kMiB), std::vector<std::uint64_t>{4 * kMiB});
  EXPECT_TRUE(Ladder{}.rungs(kMiB / 2).empty());
}

TEST(Knee, IsTheLeastSizeThatIsQuickEnough) {
  const std::vector points{point(100, {100}), point(75, {101}), point(50, {104}), point(25, {106}),
                           point(12, {300})};
  const Knee five = find_knee(points, kFull, 0.05), twenty = find_knee(points, kFull, 0.2);
  EXPECT_EQ(five.memory, 50 * kMiB);
  EXPECT_EQ(five.too_small, 25 * kMiB);
  EXPECT_DOUBLE_EQ(five.resolution(), 0.5);
  EXPECT_EQ(twenty.memory, 25 * kMiB);
  EXPECT_EQ(twenty.too_small, 12 * kMiB);
}

TEST(Knee, TakesTheMedianOfTheRuns) {
  const std::vector points{point(100, {100}), point(50, {90, 102, 900}), point(25, {90, 200, 210})};
  EXPECT_EQ(find_knee(points, kFull, 0.05).memory, 50 * kMiB);
}

TEST(Knee, OneSlowRunAboveIsNoKnee) {
  const std::vector points{point(100, {100}), point(75, {140}), point(50, {101}), point(25, {300})};
  EXPECT_EQ(find_knee(points, kFull, 0.05).memory, 50 * kMiB);
}

TEST(Knee, WhatFailedOrTookTooLongIsTooSmall) {
  const std::vector points{point(100, {100}), failed(50, Outcome::kFailed, "status 137, not 0"),
                           failed(25, Outcome::kTimeout, "more than 2 s")};
  const Knee knee = find_knee(points, kFull, 0.2);
  EXPECT_EQ(knee.memory, 100 * kMiB);
  EXPECT_EQ(knee.too_small, 50 * kMiB);
}

TEST(Knee, MayBeBeyondWhatWasTried) {
  const std::vector all_quick{point(100, {100}), point(50, {101})};
  const Knee below = find_knee(all_quick, kFull, 0.05);
  EXPECT_EQ(below.memory, 50 * kMiB);
  EXPECT_FALSE(below.too_small);
  EXPECT_FALSE(next_size(below, 0.03));
  const std::vector all_slow{point(100, {200}), point(50, {300})};
  const Knee above = find_knee(all_slow, kFull, 0.05);
  EXPECT_FALSE(above.memory);
  EXPECT_FALSE(next_size(above, 0.03));
  EXPECT_FALSE(find_knee({}, kFull, 0.05).memory);
}

/// A program that is quick from `truth` on.
std::vector<Point> measure_to_the_end(std::uint64_t truth, unsigned& runs) {
  std::vector<Point> points;
  const auto measure = [&](std::uint64_t memory) {
    Point made = point(0, {memory >= truth ? 100 : 200});
    made.memory = memory;
    points.push_back(made);
    ++runs;
  };
  for (const std::uint64_t rung : Ladder{}.rungs(256 * kMiB)) measure(rung);
  while (const auto size = next_size(find_knee(points, kFull, 0.05), 0.03)) measure(*size);
  return points;
}

TEST(Knee, IsNarrowedToItsPlace) {
  for (const std::uint64_t truth : {33 * kMiB, 100 * kMiB, 127 * kMiB, 128 * kMiB, 255 * kMiB}) {
    unsigned runs = 0;
    const Knee knee = find_knee(measure_to_the_end(truth, runs), kFull, 0.05);
    EXPECT_GE(*knee.memory, truth);
    EXPECT_LT(*knee.too_small, truth);
    EXPECT_LE(knee.resolution(), 0.03);
    EXPECT_LE(runs, 9U + 5U);
  }
}

TEST(Knee, PagesAreNotSplit) {
  const Knee knee{.within = 0.05, .memory = 2 * kPageSize, .too_small = kPageSize};
  EXPECT_FALSE(next_size(knee, 0.03));
}

TEST(Middle, OfFewAndOfMany) {
  EXPECT_EQ(middle({}).median, 0);
  EXPECT_EQ(middle({7}).median, 7);
  EXPECT_EQ(middle({7}).spread, 0);
  EXPECT_EQ(middle({30, 10}).median, 20);
  EXPECT_EQ(middle({30, 10}).spread, 1);
  EXPECT_EQ(middle({9, 100, 1}).median, 9);
}

}  // namespace
}  // namespace gonzo::test
