// The host's own text, as a pattern for ours: its lines are those of the running kernel.
#pragma once

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace gonzo {

/// Empty when it cannot be read.
inline std::string read_host(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

/// What `replace` makes of each line, its line end included.
template <typename Replace>
std::string replace_lines(std::string_view text, Replace replace) {
  std::string result;
  while (!text.empty()) {
    const std::size_t size = std::min(text.find('\n'), text.size() - 1) + 1;
    result += replace(text.substr(0, size));
    text.remove_prefix(size);
  }
  return result;
}

}  // namespace gonzo
