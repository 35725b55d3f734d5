// The drawing: that it is XML, and shows what was measured.
#include "cli/curve/curve_svg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "cli/curve/svg.h"
#include "unit/cli/example.h"

namespace gonzo::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Checks that elements close in order, attributes are quoted and text has no markup; the names of
/// all elements. Enough of XML for what we write.
std::vector<std::string> elements_of(std::string_view text) {
  std::vector<std::string> names, open;
  while (!text.empty()) {
    const std::size_t start = text.find('<');
    EXPECT_EQ(text.substr(0, start).find('>'), std::string_view::npos);
    if (start == std::string_view::npos) break;
    const std::size_t end = text.find('>', start);
    EXPECT_NE(end, std::string_view::npos);
    if (end == std::string_view::npos) break;
    std::string_view tag = text.substr(start + 1, end - start - 1);
    text.remove_prefix(end + 1);
    if (tag.starts_with('/')) {
      EXPECT_TRUE(!open.empty() && open.back() == tag.substr(1)) << tag;
      if (!open.empty()) open.pop_back();
      continue;
    }
    EXPECT_EQ(std::ranges::count(tag, '"') % 2, 0) << tag;
    names.emplace_back(tag.substr(0, tag.find_first_of(" /")));
    if (!tag.ends_with('/')) open.push_back(names.back());
  }
  EXPECT_TRUE(open.empty());
  return names;
}

TEST(CurveSvg, IsWellFormedWhateverTheProgramIsCalled) {
  CurveReport report = example();
  report.command = {"<a&b>\"'", "\x01\xff\xed\xa0\x80\xf5", "\xc3\xa9"};
  report.swap = "file:/tmp/<x>&y";
  const std::string svg = curve_svg(report);
  const auto names = elements_of(svg);
  EXPECT_EQ(names.front(), "svg");
  EXPECT_THAT(svg, HasSubstr("&lt;a&amp;b&gt;&quot;'"));
  EXPECT_THAT(svg, HasSubstr("\xc3\xa9"));
  EXPECT_THAT(svg, Not(HasSubstr("\xff")));
}

TEST(CurveSvg, RefersToNothingOutside) {
  const std::string svg = curve_svg(example());
  EXPECT_THAT(svg, Not(HasSubstr("href")));
  EXPECT_THAT(svg, Not(HasSubstr("url(")));
  EXPECT_THAT(svg, Not(HasSubstr("@import")));
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
}

TEST(CurveSvg, ShowsPointsKneesAndAxes) {
  const std::string svg = curve_svg(example());
  const auto names = elements_of(svg);
  // Two in the legend, and six points in each of three panels.
  EXPECT_EQ(std::ranges::count(names, "circle"), 2 + 3 * 6);
  EXPECT_EQ(std::ranges::count(names, "polyline"), 2 * 3);
  for (const char* text : {"run time, logarithmic", "major faults", "stalled for memory",
                           "memory, MiB", "linux", "mglru", "5 %: 50.0M", "20 %: 49.0M",
                           "linux, 50.0M: 104 ms", "too long", "failed", "full speed 100 ms"}) {
    EXPECT_THAT(svg, HasSubstr(text));
  }
}

TEST(CurveSvg, DrawsWhatLittleThereIs) {
  CurveReport report = example();
  report.curves.clear();
  elements_of(curve_svg(report));
  report.curves = {{.policy = "fifo", .points = {failed(50, Outcome::kFailed, "x")}, .knees = {}}};
  const std::string svg = curve_svg(report);
  elements_of(svg);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

TEST(RoundTicks, ReachBeyondTheMost) {
  EXPECT_EQ(round_ticks(0), (std::vector<double>{0, 1}));
  EXPECT_EQ(round_ticks(10), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(round_ticks(103), (std::vector<double>{0, 25, 50, 75, 100, 125}));
  for (double most = 1e-6; most < 1e12; most *= 1.37) {
    const auto ticks = round_ticks(most);
    EXPECT_GE(ticks.back(), most * (1 - 1e-9));
    EXPECT_LE(ticks.size(), 7U);
    EXPECT_GE(ticks.size(), 3U);
  }
}

TEST(XmlText, HoldsNoMarkup) {
  EXPECT_EQ(xml_text("a<b>&\"c\""), "a&lt;b&gt;&amp;&quot;c&quot;");
  EXPECT_EQ(xml_text(std::string_view("\0\x1f\x7f", 3)), "??\x7f");
  EXPECT_EQ(xml_text("\xe2\x82\xac\xe2\x82"), "\xe2\x82\xac??");
  EXPECT_EQ(xml_text("\xef\xbf\xbf"), "???");
}

}  // namespace
}  // namespace gonzo::test
