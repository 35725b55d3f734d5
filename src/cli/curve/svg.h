// Just enough SVG for a plot.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace gonzo {

/// Text as XML has it; what XML cannot hold becomes "?".
std::string xml_text(std::string_view text);

/// Everything is in pixels from the upper left corner.
class Svg {
 public:
  struct At {
    double x = 0, y = 0;
  };
  enum class Anchor : unsigned char { kStart, kMiddle, kEnd };

  Svg(double width, double height, std::string_view title);

  /// `style` is a class of the style sheet, which is part of the document: "grid", "axis", "faint".
  void line(At from, At to, std::string_view style);
  /// In a colour of its own, "#1b6ca8".
  void stroke(At from, At to, std::string_view colour, std::string_view style);
  void polyline(std::span<const At> points, std::string_view colour);
  void dot(At centre, double radius, std::string_view colour, std::string_view tip);
  void text(At at, Anchor anchor, std::string_view text, std::string_view style = "label");
  /// Upwards, around `at`.
  void vertical_text(At at, std::string_view text);

  /// The document.
  std::string finish() &&;

 private:
  std::string out_;
};

}  // namespace gonzo
