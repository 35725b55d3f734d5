// Swap in compressed memory. Linux: drivers/block/zram.
#pragma once

#include <memory>
#include <string>

#include <gonzo/frame/frame_allocator.h>
#include <gonzo/swap/swap_device.h>
#include <gonzo/swap/transfer_counts.h>

namespace gonzo {

class CompressedStore;

enum class SwapCompression : std::uint8_t { kLz4, kZstd };

/// Pages filled with one word take no memory; those that do not compress are kept as they are. The
/// pool is made of the machine's own frames (FrameState::kKernel), so that swapping out to it frees
/// only what compression saves. A slot costs 10 bytes of the host's besides, once it was used.
class CompressedSwapDevice final : public SwapDevice {
 public:
  struct Config {
    std::uint64_t bytes = 0;  ///< of pages, uncompressed (zram's disksize)
    SwapCompression compression = SwapCompression::kLz4;
    std::uint64_t pool_limit = 0;  ///< bytes of frames (zram's mem_limit); 0: none
    std::string name = "/dev/zram0";
  };
  /// EINVAL: no whole page; ENOMEM. `frames` outlives the device.
  static Result<std::unique_ptr<CompressedSwapDevice>> create(FrameAllocator& frames,
                                                              const Config& config);
  ~CompressedSwapDevice() override;
  CompressedSwapDevice(const CompressedSwapDevice&) = delete;
  CompressedSwapDevice& operator=(const CompressedSwapDevice&) = delete;

  std::string name() const override { return name_; }
  std::string_view kind() const override { return "zram"; }
  std::uint64_t slots() const override;
  SwapLatency latency() const override { return SwapLatency::kMemory; }
  bool is_in_memory(std::uint64_t /*slot*/) const override { return true; }
  /// ENOMEM: no frame for the pool, or its limit is reached; pages before that one are stored. A
  /// frame is asked for with no lock held; a PressureHandler may be asked for it, which must see
  /// that it is called from within itself.
  Result<void> write(std::uint64_t first_slot, std::span<const std::byte* const> pages) override;
  Result<void> read(std::uint64_t first_slot, std::span<std::byte* const> pages) override;
  void discard(std::uint64_t slot) override;
  SwapDeviceStats stats() const override;

 private:
  CompressedSwapDevice(std::unique_ptr<CompressedStore> store, std::string name);

  const std::unique_ptr<CompressedStore> store_;
  const std::string name_;
  TransferCounts counts_;
};

}  // namespace gonzo
