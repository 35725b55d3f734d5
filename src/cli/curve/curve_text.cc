#include "cli/curve/curve_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "cli/curve/axis.h"

namespace gonzo {
namespace {

constexpr std::string_view kMarks = "*o+x#@%&s";

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string shortened(std::string text, std::size_t width) {
  if (text.size() > width) text.replace(width - 3, std::string::npos, "...");
  return text;
}

std::string command_text(const CurveReport& report) {
  std::string text;
  for (const std::string& word : report.command) {
    if (!text.empty()) text += ' ';
    text += word;
  }
  for (char& letter : text) {
    if (static_cast<unsigned char>(letter) < ' ') letter = '?';
  }
  return text;
}

std::string head_text(const CurveReport& report) {
  constexpr std::size_t kWidth = 80 - 7;
  const Middle full = report.full_real();
  std::string out = fmt::format("curve: {}\n", shortened(command_text(report), kWidth));
  out += fmt::format("Full speed: {} (median of {}, spread {:.1f} %), peak {} of {}",
                     duration_text(full.median), report.full_speed.size(), full.spread * 100,
                     memory_text(report.peak), memory_text(report.ample_memory));
  if (report.status != 0) out += fmt::format(", status {}", report.status);
  out += ".\n";
  if (!report.swap.empty()) out += shortened("Swap: " + report.swap + ".", 80) + "\n";
  if (report.output_varies) {
    out += "The output is another in each run: it was not compared.\n";
  }
  return out;
}

std::string point_text(const CurveReport& report, const Point& point) {
  std::string row = fmt::format("{:>9}  {:5.1f} %", memory_text(point.memory),
                                share(point.memory, report.peak) * 100);
  if (point.outcome != Outcome::kSame) {
    constexpr std::size_t kRest = 80 - 20;
    return row + fmt::format("  {}\n", shortened(point.reason, kRest));
  }
  const Middle real = point.real();
  const double slower = real.median / report.full_real().median;
  return row + fmt::format("{:>11}  {:7.{}f}  {:6.1f} %{:>13}{:>11}{:6.1f} %\n",
                           duration_text(real.median), slower, slower < 1000 ? 2 : 0,
                           real.spread * 100, count_text(point.major_faults()),
                           duration_text(point.stalled()),
                           real.median == 0 ? 0 : point.stalled() / real.median * 100);
}

std::string knee_text(const CurveReport& report, const Knee& knee) {
  std::string text = fmt::format("  within {:2.0f} % of full speed: ", knee.within * 100);
  if (!knee.memory) return text + "at no size that was tried\n";
  text += fmt::format("{} ({:.1f} % of the peak)", memory_text(*knee.memory),
                      share(*knee.memory, report.peak) * 100);
  if (!knee.too_small) return text + ", the least that was tried\n";
  return text + fmt::format(", good to {:.1f} %\n", knee.resolution() * 100);
}

// The plot.

class Plot {
 public:
  static constexpr int kRows = 10, kColumns = 64;

  explicit Plot(const CurveReport& report)
      : times_(time_axis(report)), most_(largest_size(report)) {
    for (std::string& row : rows_) row.assign(kColumns, ' ');
  }
  void add(const Curve& curve, char mark) {
    for (const Point& point : curve.points) {
      const int column = round(share(point.memory, most_) * (kColumns - 1));
      if (point.outcome == Outcome::kSame) {
        put(column, kRows - 1 - round(times_.place(point.real().median) * (kRows - 1)), mark);
      } else {
        put(column, 0, point.outcome == Outcome::kTimeout ? '^' : '!');
      }
    }
  }
  std::string text() const {
    std::string out;
    for (int row = 0; row < kRows; ++row) {
      const double place = 1 - static_cast<double>(row) / (kRows - 1);
      const bool has_label = row % 3 == 0;
      out += fmt::format("{:>10} |{}\n",
                         has_label ? duration_text(times_.value(place)) : std::string(),
                         trimmed(rows_[static_cast<std::size_t>(row)]));
    }
    out += fmt::format("{:>10} +{:-<{}}\n", "", "", kColumns);
    out += fmt::format("{:>10} 0{:>{}}\n", "", memory_text(most_), kColumns);
    return out;
  }

 private:
  static int round(double value) { return static_cast<int>(std::lround(value)); }
  static std::string trimmed(std::string row) {
    row.erase(row.find_last_not_of(' ') + 1);
    return row;
  }
  void put(int column, int row, char mark) {
    char& cell = rows_[static_cast<std::size_t>(std::clamp(row, 0, kRows - 1))]
                      [static_cast<std::size_t>(std::clamp(column, 0, kColumns - 1))];
    if (cell == ' ') cell = mark;
  }

  const Axis times_;
  const std::uint64_t most_;
  std::array<std::string, kRows> rows_;
};

std::string plot_text(const CurveReport& report) {
  Plot plot(report);
  std::string legend;
  for (std::size_t i = 0; i < report.curves.size(); ++i) {
    const char mark = kMarks[i % kMarks.size()];
    plot.add(report.curves[i], mark);
    legend += fmt::format(" {} {}", mark, report.curves[i].policy);
  }
  return fmt::format("\nRun time by memory:{}; ^ took too long, ! failed\n{}", legend, plot.text());
}

}  // namespace

std::string duration_text(double nanoseconds) {
  constexpr double kSecond = 1e9, kMilli = 1e6, kMicro = 1e3;
  const double size = std::abs(nanoseconds);
  if (size == 0) return "0";
  if (size >= 100 * kSecond) return fmt::format("{:.0f} s", nanoseconds / kSecond);
  if (size >= 10 * kSecond) return fmt::format("{:.1f} s", nanoseconds / kSecond);
  if (size >= kSecond) return fmt::format("{:.2f} s", nanoseconds / kSecond);
  if (size >= 100 * kMilli) return fmt::format("{:.0f} ms", nanoseconds / kMilli);
  if (size >= kMilli) return fmt::format("{:.1f} ms", nanoseconds / kMilli);
  return fmt::format("{:.1f} us", nanoseconds / kMicro);
}

std::string memory_text(std::uint64_t bytes) {
  constexpr std::string_view kUnits = "KMGT";
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.1f}{}", value, kUnits[unit]);
}

std::string count_text(double count) {
  if (count < 1e6) return fmt::format("{:.0f}", count);
  return count < 1e9 ? fmt::format("{:.2f}M", count / 1e6) : fmt::format("{:.2f}G", count / 1e9);
}

std::string curve_text(const CurveReport& report) {
  std::string out = head_text(report);
  for (const Curve& curve : report.curves) {
    if (curve.points.empty()) continue;
    out += fmt::format("\n{}\n{:>9}{:>9}{:>11}{:>9}{:>10}{:>13}{:>19}\n", curve.policy, "memory",
                       "of peak", "time", "slower", "spread", "major faults", "stalled");
    for (const Point& point : curve.points) out += point_text(report, point);
    for (const Knee& knee : curve.knees) out += knee_text(report, knee);
  }
  const bool has_points =
      std::ranges::any_of(report.curves, [](const Curve& curve) { return !curve.points.empty(); });
  if (has_points) out += plot_text(report);
  if (report.stopped_by != 0) out += "Stopped before the end: what is missing was not measured.\n";
  return out;
}

}  // namespace gonzo
