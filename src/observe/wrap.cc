#include "observe/wrap.h"

namespace gonzo {

void append_wrapped(std::string& out, std::string_view text, std::size_t indent,
                    std::size_t width) {
  constexpr std::size_t kHanging = 2;
  std::size_t column = 0;
  bool is_first = true;
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (word.empty()) continue;
    if (column != 0 && column + 1 + word.size() > width) {
      out += '\n';
      column = 0;
    }
    if (column == 0) {
      column = indent + (is_first ? 0 : kHanging);
      out.append(column, ' ');
    } else {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    is_first = false;
  }
  out += '\n';
}

std::string shortened(std::string_view path, std::size_t width) {
  constexpr std::string_view kLeftOut = "...";
  if (path.size() <= width || width <= kLeftOut.size()) return std::string(path);
  return std::string(kLeftOut) + std::string(path.substr(path.size() - width + kLeftOut.size()));
}

}  // namespace gonzo
