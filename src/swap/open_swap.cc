#include <fmt/format.h>

#include <utility>

#include <gonzo/swap/file_swap_device.h>
#include <gonzo/swap/swap_text.h>
#include <gonzo/swap/tiered_swap_device.h>

namespace gonzo {
namespace {

using Kind = SwapRequest::Kind;
using Space = FileSwapDevice::Space;
using Opened = std::expected<std::unique_ptr<SwapDevice>, std::string>;

std::string why(Errno error) { return std::string(errno_text(error)); }

/// The device, or `sentence` with the error's text.
template <typename Device>
Opened opened(Result<std::unique_ptr<Device>> device, std::string_view sentence) {
  if (device) return std::move(*device);
  return std::unexpected(fmt::format("{}: {}", sentence, why(device.error())));
}

Opened open_file(const SwapRequest& request) {
  auto device = FileSwapDevice::open(request.path, request.bytes, Space::kAllocated);
  if (device) return std::move(*device);
  const std::string& path = request.path;
  switch (device.error()) {
    case Errno::kInval:
      return std::unexpected(
          fmt::format("{} is neither new nor a swap file of two pages or more: name a new file and "
                      "its size, or run mkswap on this one",
                      path));
    case Errno::kBusy:
      return std::unexpected(fmt::format("{} is in use as swap already", path));
    default:
      return std::unexpected(fmt::format("cannot use {}: {}", path, why(device.error())));
  }
}

Opened open_redis(const SwapRequest& request) {
  RedisSwapDevice::Config config = request.redis;
  config.bytes = request.bytes;
  std::string last_error;
  auto device = RedisSwapDevice::connect(config, last_error);
  if (device) return std::move(*device);
  return std::unexpected(fmt::format("no Redis server answers at {}:{}: {}", config.server.host,
                                     config.server.port,
                                     last_error.empty() ? why(device.error()) : last_error));
}

Opened open_zswap(const SwapRequest& request, const SwapSurroundings& surroundings) {
  Opened behind = open_swap(request.behind.front(), surroundings);
  if (!behind) return behind;
  return opened(
      TieredSwapDevice::create(surroundings.frames, std::move(*behind),
                               {.pool_bytes = request.bytes, .compression = request.compression}),
      "cannot make a pool in front of " + request.behind.front().text);
}

Opened open_plain(const SwapRequest& request, const SwapSurroundings& surroundings) {
  switch (request.kind) {
    case Kind::kTemporaryFile:
      return opened(
          FileSwapDevice::create_temporary(surroundings.directory, request.bytes, Space::kSparse),
          "cannot make a swap file in " + surroundings.directory);
    case Kind::kFile:
      return open_file(request);
    case Kind::kZram:
      return opened(
          CompressedSwapDevice::create(
              surroundings.frames, {.bytes = request.bytes,
                                    .compression = request.compression,
                                    .name = fmt::format("/dev/zram{}", surroundings.zram_number)}),
          "cannot make " + request.text);
    case Kind::kZswap:
      return open_zswap(request, surroundings);
    case Kind::kRedis:
      return open_redis(request);
  }
  std::unreachable();
}

}  // namespace

Opened open_swap(const SwapRequest& request, const SwapSurroundings& surroundings) {
  Opened device = open_plain(request, surroundings);
  const bool is_slowed = request.speed.latency.count() != 0 || request.speed.bytes_per_second != 0;
  if (!device || !is_slowed) return device;
  return std::make_unique<SlowSwapDevice>(std::move(*device), request.speed);
}

}  // namespace gonzo
