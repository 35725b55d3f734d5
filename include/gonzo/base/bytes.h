// Sizes as people write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gonzo {

/// "512M", "2G", "65536", "1.5G" is not one. K, M, G and T are powers of 1024; a B or iB may
/// follow.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

/// "12.5 MiB", "640 B".
std::string bytes_text(std::uint64_t bytes);

}  // namespace gonzo
