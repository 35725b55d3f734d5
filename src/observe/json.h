// How JSON is written here.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace gonzo {

using Json = nlohmann::ordered_json;

/// Addresses and entries: a double, as which many read numbers, has no room for 64 bits.
inline Json hex(std::uint64_t value) { return fmt::format("{:#x}", value); }

/// A guest's paths and names need not be UTF-8: what is not is replaced.
inline std::string one_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace gonzo
