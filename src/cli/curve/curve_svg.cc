#include "cli/curve/curve_svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "cli/curve/axis.h"
#include "cli/curve/curve_text.h"
#include "cli/curve/svg.h"

namespace gonzo {
namespace {

constexpr double kWidth = 840, kLeft = 92, kRight = 24, kTop = 76, kPanel = 190, kGap = 34;
constexpr double kBottom = 56, kInner = kWidth - kLeft - kRight;
constexpr std::array kColours{"#1b6ca8", "#c8511b", "#2e8540", "#8a3fa0", "#b8860b",
                              "#c2185b", "#00838f", "#5d4037", "#455a64"};

const char* colour_of(std::size_t curve) { return kColours.at(curve % kColours.size()); }

/// What a panel shows of a point.
struct Quantity {
  std::string_view title;
  Axis axis;
  std::vector<double> ticks;
  std::function<double(const Point&)> value;
  std::function<std::string(double)> text;
};

std::vector<double> logarithmic_ticks(const Axis& axis) {
  std::vector<double> ticks;
  for (double decade = std::pow(10, std::floor(std::log10(axis.least))); decade <= axis.most;
       decade *= 10) {
    for (const double step : {1.0, 2.0, 5.0}) {
      const double value = step * decade;
      if (value >= axis.least && value <= axis.most) ticks.push_back(value);
    }
  }
  return ticks;
}

Quantity linear(std::string_view title, const CurveReport& report,
                std::function<double(const Point&)> value,
                std::function<std::string(double)> text) {
  double most = 0;
  for (const Curve& curve : report.curves) {
    for (const Point& point : curve.points) {
      if (point.outcome == Outcome::kSame) most = std::max(most, value(point));
    }
  }
  auto ticks = round_ticks(most);
  return {.title = title,
          .axis = {.least = 0, .most = ticks.back()},
          .ticks = std::move(ticks),
          .value = std::move(value),
          .text = std::move(text)};
}

Quantity run_time(const CurveReport& report) {
  Quantity time{.title = "run time",
                .axis = time_axis(report),
                .ticks = {},
                .value = [](const Point& point) { return point.real().median; },
                .text = duration_text};
  if (time.axis.scale == Scale::kLogarithmic) {
    time.title = "run time, logarithmic";
    time.ticks = logarithmic_ticks(time.axis);
  } else {
    time.ticks = round_ticks(time.axis.most);
    time.axis.most = time.ticks.back();
  }
  return time;
}

class Drawing {
 public:
  explicit Drawing(const CurveReport& report)
      : report_(report),
        sizes_(round_ticks(static_cast<double>(largest_size(report)) / kUnit)),
        svg_(kWidth, kTop + 3 * kPanel + 2 * kGap + kBottom, title()) {}

  std::string draw() && {
    svg_.text({kLeft, 26}, Svg::Anchor::kStart, title(), "title");
    svg_.text(
        {kLeft, 44}, Svg::Anchor::kStart,
        fmt::format("full speed {} with {}, peak {}; swap: {}",
                    duration_text(report_.full_real().median), memory_text(report_.ample_memory),
                    memory_text(report_.peak), report_.swap),
        "small");
    legend();
    const Quantity time = run_time(report_);
    panel(0, time);
    spreads(time);
    knees();
    panel(1, linear("major faults", report_, &Point::major_faults, count_text));
    panel(2, linear("stalled for memory", report_, &Point::stalled, duration_text));
    memory_axis();
    return std::move(svg_).finish();
  }

 private:
  static constexpr double kUnit = 1 << 20;

  std::string title() const {
    constexpr std::size_t kMost = 90;
    std::string text = "gonzo curve:";
    for (const std::string& word : report_.command) text += " " + word;
    if (text.size() > kMost) text = text.substr(0, kMost - 3) + "...";
    return text;
  }
  double x(double mebibytes) const { return kLeft + mebibytes / sizes_.back() * kInner; }
  double x(const Point& point) const { return x(static_cast<double>(point.memory) / kUnit); }
  static double top(int panel) { return kTop + panel * (kPanel + kGap); }
  static double y(int panel, double place) { return top(panel) + (1 - place) * kPanel; }

  void legend() {
    double at = kLeft;
    for (std::size_t i = 0; i < report_.curves.size(); ++i) {
      const std::string& name = report_.curves[i].policy;
      svg_.dot({at + 5, 60}, 5, colour_of(i), name);
      svg_.text({at + 15, 64}, Svg::Anchor::kStart, name);
      at += 40 + 7.5 * static_cast<double>(name.size());
    }
  }

  void panel(int index, const Quantity& quantity) {
    for (const double tick : quantity.ticks) {
      const double height = y(index, quantity.axis.place(tick));
      svg_.line({kLeft, height}, {kLeft + kInner, height}, "grid");
      svg_.text({kLeft - 8, height + 4}, Svg::Anchor::kEnd, quantity.text(tick));
    }
    for (const double size : sizes_)
      svg_.line({x(size), y(index, 1)}, {x(size), y(index, 0)}, "grid");
    svg_.line({kLeft, y(index, 0)}, {kLeft + kInner, y(index, 0)}, "axis");
    svg_.line({kLeft, y(index, 0)}, {kLeft, y(index, 1)}, "axis");
    svg_.vertical_text({18, top(index) + kPanel / 2}, quantity.title);
    for (std::size_t i = 0; i < report_.curves.size(); ++i) {
      curve(index, quantity, report_.curves[i], colour_of(i));
    }
  }

  void curve(int index, const Quantity& quantity, const Curve& curve, const char* colour) {
    std::vector<Svg::At> line;
    for (const Point& point : curve.points) {
      if (point.outcome != Outcome::kSame) continue;
      line.push_back({x(point), y(index, quantity.axis.place(quantity.value(point)))});
    }
    svg_.polyline(line, colour);
    for (const Point& point : curve.points) {
      const std::string size = curve.policy + ", " + memory_text(point.memory) + ": ";
      if (point.outcome == Outcome::kSame) {
        const double value = quantity.value(point);
        svg_.dot({x(point), y(index, quantity.axis.place(value))}, 3.5, colour,
                 size + quantity.text(value));
      } else if (index == 0) {
        cross({x(point), y(0, 1)}, colour);
        svg_.text({x(point), y(0, 1) - 8}, Svg::Anchor::kMiddle,
                  point.outcome == Outcome::kTimeout ? "too long" : "failed", "small");
      }
    }
  }

  void cross(Svg::At at, const char* colour) {
    constexpr double kSize = 5;
    svg_.stroke({at.x - kSize, at.y - kSize}, {at.x + kSize, at.y + kSize}, colour, "spread");
    svg_.stroke({at.x - kSize, at.y + kSize}, {at.x + kSize, at.y - kSize}, colour, "spread");
  }

  /// From the quickest run to the slowest.
  void spreads(const Quantity& time) {
    for (std::size_t i = 0; i < report_.curves.size(); ++i) {
      for (const Point& point : report_.curves[i].points) {
        if (point.outcome != Outcome::kSame || point.runs.size() < 2) continue;
        const auto [least, most] = std::ranges::minmax(point.runs, {}, &Measurement::real);
        const auto height = [&](const Measurement& run) {
          return y(0, time.axis.place(static_cast<double>(run.real.count())));
        };
        svg_.stroke({x(point), height(least)}, {x(point), height(most)}, colour_of(i), "spread");
      }
    }
  }

  /// The strictest is named to the right of its line, the others, with less memory, to the left:
  /// two are often the same.
  void knees() {
    for (std::size_t i = 0; i < report_.curves.size(); ++i) {
      bool is_first = true;
      for (const Knee& knee : report_.curves[i].knees) {
        if (!knee.memory) continue;
        const double at = x(static_cast<double>(*knee.memory) / kUnit);
        svg_.stroke({at, y(0, 1)}, {at, y(2, 0)}, colour_of(i), "faint");
        svg_.text({is_first ? at + 3 : at - 3, y(0, 0) + 12 + 11 * static_cast<double>(i % 2)},
                  is_first ? Svg::Anchor::kStart : Svg::Anchor::kEnd,
                  fmt::format("{:.0f} %: {}", knee.within * 100, memory_text(*knee.memory)),
                  "small");
        is_first = false;
      }
    }
  }

  void memory_axis() {
    for (const double size : sizes_) {
      svg_.text({x(size), y(2, 0) + 18}, Svg::Anchor::kMiddle, fmt::format("{:g}", size));
    }
    svg_.text({kLeft + kInner / 2, y(2, 0) + 40}, Svg::Anchor::kMiddle, "memory, MiB");
  }

  const CurveReport& report_;
  const std::vector<double> sizes_;  ///< the memory axis's ticks, in MiB
  Svg svg_;
};

}  // namespace

std::vector<double> round_ticks(double most) {
  constexpr double kSteps = 5;
  if (!(most > 0)) return {0, 1};
  const double decade = std::pow(10, std::floor(std::log10(most / kSteps)));
  double step = decade;
  for (const double factor : {2.0, 2.5, 5.0, 10.0}) {
    if (step * kSteps >= most) break;
    step = factor * decade;
  }
  std::vector<double> ticks{0};
  while (ticks.back() < most * (1 - 1e-9)) {
    ticks.push_back(step * static_cast<double>(ticks.size()));
  }
  return ticks;
}

std::string curve_svg(const CurveReport& report) { return Drawing(report).draw(); }

}  // namespace gonzo
