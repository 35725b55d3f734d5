#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>

#include <gonzo/base/bytes.h>

namespace gonzo {

namespace {
constexpr std::string_view kUnits = "KMGT";
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit.empty() || unit == "B") return number;
  const auto power = kUnits.find(static_cast<char>(std::toupper(unit.front())));
  if (power == std::string_view::npos) return std::nullopt;
  unit.remove_prefix(1);
  if (!unit.empty() && unit != "B" && unit != "iB") return std::nullopt;
  const auto shift = static_cast<unsigned>(10 * (power + 1));
  if (number > (UINT64_MAX >> shift)) return std::nullopt;
  return number << shift;
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (value /= 1024; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.{}f} {}iB", value, value < 10 ? 2 : 1, kUnits[unit]);
}

}  // namespace gonzo
