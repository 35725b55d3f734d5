// Swap devices as users name them: the texts of `--swap`.
//
//   SIZE                          a temporary file without a name
//   file:PATH[:SIZE]              a named file (see FileSwapDevice::open); no SIZE: as it is
//   zram:SIZE[:lz4|zstd]          compressed memory for SIZE of pages
//   zswap:POOL[:lz4|zstd]:DEVICE  POOL of compressed memory in front of any of the others
//   redis://[:PASSWORD@]HOST[:PORT][/DATABASE]   a Redis server; size=SIZE, 1G by default;
//                                 replica=HOST[:PORT], of its own, which takes over
//
// and, after any of them, `,prio=N` (-1 to 32767, as swapon(8)), `,latency=TIME` (80us, 5ms) and
// `,bandwidth=SIZE` (a second), which make a device slower than it is.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gonzo/frame/frame_allocator.h>
#include <gonzo/swap/compressed_swap_device.h>
#include <gonzo/swap/redis_swap_device.h>
#include <gonzo/swap/slow_swap_device.h>
#include <gonzo/swap/swap_device.h>

namespace gonzo {

struct SwapRequest {
  enum class Kind : std::uint8_t { kTemporaryFile, kFile, kZram, kZswap, kRedis };

  Kind kind = Kind::kTemporaryFile;
  std::string text;                                     ///< what was parsed
  std::uint64_t bytes = 0;                              ///< kZswap: of the pool. kFile: 0, as it is
  std::string path;                                     ///< kFile
  SwapCompression compression = SwapCompression::kLz4;  ///< kZram, kZswap
  RedisSwapDevice::Config redis;                        ///< kRedis
  std::vector<SwapRequest> behind;                      ///< kZswap: one
  SlowSwapDevice::Speed speed;
  std::optional<int> priority;
};

/// Or what is wrong with the text and how to put it right, in a sentence for the user.
std::expected<SwapRequest, std::string> parse_swap(std::string_view text);

struct SwapSurroundings {
  FrameAllocator& frames;
  std::string directory = "/var/tmp";  ///< of temporary files
  unsigned zram_number = 0;            ///< N of /dev/zramN
};
/// The device that was asked for, or why there is none, in a sentence for the user.
std::expected<std::unique_ptr<SwapDevice>, std::string> open_swap(
    const SwapRequest& request, const SwapSurroundings& surroundings);

}  // namespace gonzo
