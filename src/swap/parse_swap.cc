#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

#include <gonzo/base/bytes.h>
#include <gonzo/swap/swap_text.h>

namespace gonzo {
namespace {

using Kind = SwapRequest::Kind;
using Parsed = std::expected<void, std::string>;

constexpr std::string_view kForms =
    "SIZE, file:PATH[:SIZE], zram:SIZE[:lz4|zstd], zswap:POOL[:lz4|zstd]:DEVICE or redis://HOST";
constexpr std::string_view kSizeHint = "a size is a number with K, M, G or T, such as 512M";
constexpr std::uint64_t kDefaultRedisBytes = std::uint64_t{1} << 30;
constexpr int kMostPriority = 32767;  // SWAP_FLAG_PRIO_MASK

template <typename... Args>
std::unexpected<std::string> wrong(fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(fmt::format(format, std::forward<Args>(args)...));
}

/// What is before the first `separator`; `text` is what is after it.
std::string_view cut(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return part;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<long> parse_number(std::string_view text, long least, long most) {
  long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (number < least || number > most) return std::nullopt;
  return number;
}

Parsed parse_size(std::string_view text, std::uint64_t& bytes) {
  const auto parsed = parse_bytes(text);
  if (!parsed) return wrong("'{}' is no size: {}", text, kSizeHint);
  if (*parsed < kPageSize) return wrong("'{}' is less than a page of 4K", text);
  bytes = *parsed;
  return {};
}

std::optional<SwapCompression> parse_compression(std::string_view text) {
  if (text == "lz4") return SwapCompression::kLz4;
  if (text == "zstd") return SwapCompression::kZstd;
  return std::nullopt;
}

std::optional<SlowSwapDevice::Time> parse_time(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, long>, 4> kUnits{
      {{"ns", 1}, {"us", 1000}, {"ms", 1'000'000}, {"s", 1'000'000'000}}};
  for (const auto& [unit, nanoseconds] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const auto number = parse_number(text.substr(0, text.size() - unit.size()), 0, 1'000'000'000);
    if (number) return SlowSwapDevice::Time(*number * nanoseconds);
  }
  return std::nullopt;
}

/// HOST[:PORT]
Parsed parse_endpoint(std::string_view text, RedisEndpoint& endpoint) {
  endpoint.host = cut(text, ':');
  if (endpoint.host.empty()) return wrong("redis:// needs a host, as in redis://localhost:6379/0");
  if (text.empty()) return {};
  const auto number = parse_number(text, 1, 65535);
  if (!number) return wrong("'{}' is no port: give a number from 1 to 65535", text);
  endpoint.port = static_cast<int>(*number);
  return {};
}

Parsed parse_option(std::string_view option, SwapRequest& request) {
  std::string_view value = option;
  const std::string_view name = cut(value, '=');
  if (name == "prio") {
    const auto number = parse_number(value, -1, kMostPriority);
    if (!number) return wrong("prio={} is no priority: give a number from -1 to 32767", value);
    request.priority = static_cast<int>(*number);
    return {};
  }
  if (name == "latency") {
    const auto time = parse_time(value);
    if (!time) return wrong("latency={} is no time: give one such as 80us or 5ms", value);
    request.speed.latency = *time;
    return {};
  }
  if (name == "bandwidth") return parse_size(value, request.speed.bytes_per_second);
  if (request.kind == Kind::kRedis) {
    if (name == "size") return parse_size(value, request.bytes);
    if (name == "replica") return parse_endpoint(value, request.redis.replica.emplace());
  }
  return wrong(
      "no option '{}': there are prio=N, latency=TIME and bandwidth=SIZE{}", option,
      request.kind == Kind::kRedis ? ", and for redis:// size=SIZE and replica=HOST[:PORT]" : "");
}

Parsed parse_file(std::string_view text, SwapRequest& request) {
  request.kind = Kind::kFile;
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && parse_bytes(text.substr(colon + 1))) {
    if (auto size = parse_size(text.substr(colon + 1), request.bytes); !size) return size;
    text = text.substr(0, colon);
  }
  if (text.empty()) return wrong("file: needs a path, as in file:/var/swapfile:1G");
  request.path = text;
  return {};
}

Parsed parse_zram(std::string_view text, SwapRequest& request) {
  request.kind = Kind::kZram;
  if (auto size = parse_size(cut(text, ':'), request.bytes); !size) return size;
  if (text.empty()) return {};
  const auto compression = parse_compression(text);
  if (!compression) return wrong("zram cannot compress with '{}': it has lz4 and zstd", text);
  request.compression = *compression;
  return {};
}

Parsed parse_device(std::string_view text, SwapRequest& request);

Parsed parse_zswap(std::string_view text, SwapRequest& request) {
  request.kind = Kind::kZswap;
  if (auto size = parse_size(cut(text, ':'), request.bytes); !size) return size;
  std::string_view rest = text;
  if (const auto compression = parse_compression(cut(rest, ':'))) {
    request.compression = *compression;
    text = rest;
  }
  if (text.empty())
    return wrong(
        "zswap needs a device behind it, as in zswap:64M:1G or zswap:64M:zstd:file:PATH:1G");
  SwapRequest& behind = request.behind.emplace_back();
  behind.text = text;
  if (auto parsed = parse_device(text, behind); !parsed) return parsed;
  if (behind.kind == Kind::kZram || behind.kind == Kind::kZswap)
    return wrong("'{}' behind zswap is compressed memory too: put a file or redis:// there", text);
  return {};
}

Parsed parse_redis(std::string_view text, SwapRequest& request) {
  request.kind = Kind::kRedis;
  request.bytes = kDefaultRedisBytes;
  RedisSwapDevice::Config& redis = request.redis;
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    std::string_view login = text.substr(0, at);
    text.remove_prefix(at + 1);
    if (!cut(login, ':').empty())
      return wrong("redis:// knows no user names: write redis://:PASSWORD@HOST");
    redis.password = login;
  }
  std::string_view database = text;
  if (auto server = parse_endpoint(cut(database, '/'), redis.server); !server) return server;
  if (!database.empty()) {
    const auto number = parse_number(database, 0, 1 << 20);
    if (!number)
      return wrong("'{}' is no database: give its number, as in redis://localhost/0", database);
    redis.database = static_cast<int>(*number);
  }
  return {};
}

Parsed parse_device(std::string_view text, SwapRequest& request) {
  if (take_prefix(text, "file:")) return parse_file(text, request);
  if (take_prefix(text, "zram:")) return parse_zram(text, request);
  if (take_prefix(text, "zswap:")) return parse_zswap(text, request);
  if (take_prefix(text, "redis://")) return parse_redis(text, request);
  if (text.empty()) return wrong("no device is named: give {}", kForms);
  if (!parse_bytes(text))
    return wrong("'{}' is neither a size nor a device: give {}", text, kForms);
  return parse_size(text, request.bytes);
}

}  // namespace

std::expected<SwapRequest, std::string> parse_swap(std::string_view text) {
  SwapRequest request;
  request.text = text;
  std::string_view options = text;
  Parsed parsed = parse_device(cut(options, ','), request);
  while (parsed && !options.empty()) parsed = parse_option(cut(options, ','), request);
  if (!parsed) return std::unexpected(parsed.error());
  return request;
}

}  // namespace gonzo
