// Addresses on the command line.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

#include <gonzo/base/address.h>

namespace gonzo {

/// "0x7ffff7fa3010" or a decimal number.
inline std::optional<VirtAddr> parse_address(std::string_view text) {
  const bool is_hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  if (is_hexadecimal) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.begin(), text.end(), value, is_hexadecimal ? 16 : 10);
  if (error != std::errc() || end != text.end()) return std::nullopt;
  return VirtAddr(value);
}

}  // namespace gonzo
