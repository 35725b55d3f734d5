#include "kernel/script.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace gonzo {
namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kTerminators{" \t\0", 3};

/// A C string that may also end at the end of `text`.
std::string until_nul(std::string_view text) {
  return std::string(text.substr(0, text.find('\0')));
}

}  // namespace

std::optional<ScriptLine> parse_script(std::span<const char, kProgramHeadBytes> head) {
  if (head[0] != '#' || head[1] != '!') return std::nullopt;
  const std::string_view text(head.data(), strnlen(head.data(), head.size()));
  std::string_view line;
  if (const auto newline = text.find('\n'); newline != text.npos) {
    line = text.substr(2, newline - 2);
  } else {
    // No line end: arguments may be cut off, a name may not.
    line = std::string_view(head.data(), head.size()).substr(2);
    const auto name = line.find_first_not_of(kBlanks);
    if (name == line.npos || line.find_first_of(kTerminators, name) == line.npos) {
      return std::nullopt;
    }
    line.remove_suffix(1);  // Linux ends the line in the buffer's last byte
  }
  line = line.substr(0, line.find_last_not_of(kBlanks) + 1);
  const auto name = line.find_first_not_of(kBlanks);
  if (name == line.npos) return std::nullopt;
  line.remove_prefix(name);
  const auto separator = line.find_first_of(kTerminators);
  ScriptLine script{.interpreter = std::string(line.substr(0, separator))};
  if (separator == line.npos || line[separator] == '\0') return script;
  if (const auto argument = line.find_first_not_of(kBlanks, separator); argument != line.npos) {
    script.argument = until_nul(line.substr(argument));
  }
  return script;
}

}  // namespace gonzo
