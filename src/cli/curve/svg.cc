#include "cli/curve/svg.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

namespace gonzo {

namespace {

constexpr std::string_view kStyle =
    "text{font:12px system-ui,sans-serif;fill:#222}"
    ".title{font-size:15px;font-weight:600}"
    ".small{font-size:11px;fill:#555}"
    ".axis{stroke:#222;stroke-width:1}"
    ".grid{stroke:#e2e2e2;stroke-width:1}"
    ".faint{stroke-width:1;stroke-dasharray:4 3}"
    ".spread{stroke-width:1.5}";

/// Bytes of the UTF-8 sequence that `text` begins with; 0: none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = byte(0) < 0x80             ? 1
                             : (byte(0) & 0xe0) == 0xc0 ? 2
                             : (byte(0) & 0xf0) == 0xe0 ? 3
                             : (byte(0) & 0xf8) == 0xf0 ? 4
                                                        : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond Unicode.
  if (length == 2 && byte(0) < 0xc2) return 0;
  if (length == 3 && (byte(0) == 0xe0 && byte(1) < 0xa0)) return 0;
  if (length == 3 && (byte(0) == 0xed && byte(1) >= 0xa0)) return 0;
  if (length == 3 && (byte(0) == 0xef && byte(1) == 0xbf && byte(2) >= 0xbe)) return 0;
  if (length == 4 && (byte(0) == 0xf0 && byte(1) < 0x90)) return 0;
  if (length == 4 && (byte(0) > 0xf4 || (byte(0) == 0xf4 && byte(1) >= 0x90))) return 0;
  return length;
}

}  // namespace

std::string xml_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    const char letter = text.front();
    if (length == 0 || (length == 1 && static_cast<unsigned char>(letter) < ' ')) {
      out += '?';
    } else if (letter == '<') {
      out += "&lt;";
    } else if (letter == '&') {
      out += "&amp;";
    } else if (letter == '>') {
      out += "&gt;";
    } else if (letter == '"') {
      out += "&quot;";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

Svg::Svg(double width, double height, std::string_view title)
    : out_(fmt::format(
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
          "viewBox=\"0 0 {0} {1}\" role=\"img\">\n<title>{2}</title>\n<style>{3}</style>\n"
          "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
          width, height, xml_text(title), kStyle)) {}

void Svg::line(At from, At to, std::string_view style) {
  out_ +=
      fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>\n",
                  from.x, from.y, to.x, to.y, style);
}

void Svg::stroke(At from, At to, std::string_view colour, std::string_view style) {
  out_ += fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\" "
      "stroke=\"{}\"/>\n",
      from.x, from.y, to.x, to.y, style, colour);
}

void Svg::polyline(std::span<const At> points, std::string_view colour) {
  out_ += fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"2\" points=\"", colour);
  for (const At& point : points) {
    fmt::format_to(std::back_inserter(out_), "{:.1f},{:.1f} ", point.x, point.y);
  }
  out_ += "\"/>\n";
}

void Svg::dot(At centre, double radius, std::string_view colour, std::string_view tip) {
  out_ += fmt::format(
      "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" fill=\"{}\"><title>{}</title></circle>\n",
      centre.x, centre.y, radius, colour, xml_text(tip));
}

void Svg::text(At at, Anchor anchor, std::string_view text, std::string_view style) {
  constexpr std::array kAnchors{"start", "middle", "end"};
  out_ +=
      fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" class=\"{}\">{}</text>\n",
                  at.x, at.y, kAnchors.at(static_cast<std::size_t>(anchor)), style, xml_text(text));
}

void Svg::vertical_text(At at, std::string_view text) {
  out_ += fmt::format(
      "<text transform=\"translate({:.1f} {:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
      at.x, at.y, xml_text(text));
}

std::string Svg::finish() && { return std::move(out_) + "</svg>\n"; }

}  // namespace gonzo
