// What is printed of a curve.
#include "cli/curve/curve_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/curve/progress.h"
#include "unit/cli/example.h"

namespace gonzo::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string line_with(const std::string& text, std::string_view what) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(what) != std::string::npos) return line;
  }
  return {};
}

TEST(CurveText, FitsEightyColumns) {
  CurveReport report = example();
  report.command.emplace_back(200, 'x');
  report.swap = std::string(200, 'y');
  report.curves[1].points[1].reason = std::string(200, 'z');
  report.curves[0].points[0].runs = point(1, {100'000'000}).runs;
  std::istringstream lines(curve_text(report));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
}

TEST(CurveText, HasARowForEachPoint) {
  const std::string text = curve_text(example());
  EXPECT_THAT(text, HasSubstr("Full speed: 100 ms (median of 3, spread 5.0 %), peak 100.0M"));
  EXPECT_EQ(line_with(text, "   50.0M   50.0 %     104 ms"),
            "    50.0M   50.0 %     104 ms     1.04    26.0 %         1040    52.0 ms  50.0 %");
  EXPECT_THAT(line_with(text, "status 137"), HasSubstr("50.0M"));
  EXPECT_THAT(line_with(text, "more than 2.00 s"), HasSubstr("25.0M"));
}

TEST(CurveText, NamesTheKneesAndHowGoodTheyAre) {
  const std::string text = curve_text(example());
  EXPECT_THAT(text, HasSubstr("within  5 % of full speed: 50.0M (50.0 % of the peak), "
                              "good to 2.0 %"));
  EXPECT_THAT(text, HasSubstr("within 20 % of full speed: 49.0M (49.0 % of the peak), "
                              "good to 18.4 %"));
  EXPECT_THAT(text, HasSubstr("within  5 % of full speed: at no size that was tried"));
  CurveReport report = example();
  report.curves[0].knees[0].too_small.reset();
  EXPECT_THAT(curve_text(report),
              HasSubstr("50.0M (50.0 % of the peak), the least that was tried"));
}

TEST(CurveText, SaysWhatIsMissing) {
  CurveReport report = example();
  EXPECT_THAT(curve_text(report), Not(HasSubstr("Stopped")));
  EXPECT_THAT(curve_text(report), Not(HasSubstr("not compared")));
  report.stopped_by = 2;
  report.output_varies = true;
  EXPECT_THAT(curve_text(report), HasSubstr("Stopped before the end"));
  EXPECT_THAT(curve_text(report), HasSubstr("not compared"));
  report.curves.clear();
  EXPECT_THAT(curve_text(report), HasSubstr("Full speed"));
}

TEST(CurveText, PlotsFailuresToo) {
  const std::string text = curve_text(example());
  EXPECT_THAT(text, HasSubstr("* linux o mglru"));
  const std::string top = line_with(text, "2.00 s |");
  EXPECT_NE(top.find('^'), std::string::npos);
  EXPECT_NE(top.find('!'), std::string::npos);
}

TEST(CurveJson, IsTheWholeReport) {
  CurveReport report = example();
  report.command.emplace_back("\xff\xfe");
  const std::string text = curve_json(report);
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["peak"], 100 * kMiB);
  EXPECT_EQ(json["full_speed"]["real_ns"], 100e6);
  EXPECT_EQ(json["full_speed"]["runs"].size(), 3U);
  const auto& linux = json["curves"][0];
  EXPECT_EQ(linux["points"][1]["real_ns"], 104e6);
  EXPECT_EQ(linux["points"][1]["runs"][1]["real_ns"], 130'000'000);
  EXPECT_EQ(linux["knees"][0]["memory"], 50 * kMiB);
  EXPECT_EQ(linux["knees"][0]["too_small"], 49 * kMiB);
  const auto& mglru = json["curves"][1];
  EXPECT_EQ(mglru["points"][1]["outcome"], "failed");
  EXPECT_EQ(mglru["points"][2]["outcome"], "timeout");
  EXPECT_TRUE(mglru["knees"][0]["memory"].is_null());
}

TEST(Texts, OfTimesSizesAndCounts) {
  EXPECT_EQ(duration_text(0), "0");
  EXPECT_EQ(duration_text(1500), "1.5 us");
  EXPECT_EQ(duration_text(12.34e6), "12.3 ms");
  EXPECT_EQ(duration_text(123.4e6), "123 ms");
  EXPECT_EQ(duration_text(1.234e9), "1.23 s");
  EXPECT_EQ(duration_text(12.34e9), "12.3 s");
  EXPECT_EQ(duration_text(1234e9), "1234 s");
  EXPECT_EQ(memory_text(4096), "4.0K");
  EXPECT_EQ(memory_text(3 * kMiB / 2), "1.5M");
  EXPECT_EQ(memory_text(2048 * kMiB), "2.0G");
  EXPECT_EQ(count_text(12345), "12345");
  EXPECT_EQ(count_text(1234567), "1.23M");
}

TEST(ProgressLine, FitsTheTerminal) {
  EXPECT_EQ(progress_line(3, 12, "64.0M, linux", 40), "[####............] 3 of 12, 64.0M, linux");
  EXPECT_EQ(progress_line(3, 12, "64.0M, linux", 25), "3 of 12, 64.0M, linux");
  EXPECT_EQ(progress_line(3, 12, "64.0M, linux", 10), "3 of 12, 6");
  EXPECT_EQ(progress_line(3, 12, "64.0M, linux", 0), "");
  EXPECT_THAT(progress_line(13, 12, "x", 80), HasSubstr("13 of 13"));
  EXPECT_LE(progress_line(0, 0, "x", 200).size(), 60U);
}

}  // namespace
}  // namespace gonzo::test
