// Pages in compressed memory, by slot. What zram and zswap have in common.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "swap/object_pool.h"
#include "swap/page_compressor.h"
#include <gonzo/swap/swap_device.h>

namespace gonzo {

/// Calls on different slots may run at once; on one slot, loads may.
class CompressedStore {
 public:
  enum class Incompressible : std::uint8_t { kKeep, kRefuse };

  /// ENOMEM. `pool_limit`: frames; 0: none.
  static Result<std::unique_ptr<CompressedStore>> create(FrameAllocator& frames,
                                                         std::uint64_t slots,
                                                         SwapCompression compression,
                                                         std::uint64_t pool_limit);

  /// In the place of what the slot held, which is gone with an error too. ENOMEM: no memory; E2BIG:
  /// it does not compress, and is refused.
  Result<void> store(std::uint64_t slot, const std::byte* page, Incompressible incompressible);
  /// ENOENT: there is none; EIO: it is not what was stored.
  Result<void> load(std::uint64_t slot, std::byte* page);
  /// If it holds one.
  void drop(std::uint64_t slot);

  std::uint64_t slots() const { return slots_; }
  std::uint64_t pool_frames() const { return pool_.frames(); }
  /// What the store knows of it.
  SwapDeviceStats stats() const;
  std::string verify() const { return pool_.verify(); }

 private:
  template <typename T>
  struct FreeDeleter {
    void operator()(T* array) const { std::free(array); }
  };
  template <typename T>
  using ZeroedArray = std::unique_ptr<T[], FreeDeleter<T>>;
  /// An object's size, or one of these.
  static constexpr std::uint16_t kEmpty = 0, kSameFilled = 0xffff;

  CompressedStore(FrameAllocator& frames, std::uint64_t slots, SwapCompression compression,
                  std::uint64_t pool_limit, ZeroedArray<std::uint64_t> values,
                  ZeroedArray<std::uint16_t> sizes);
  ObjectPool::Handle handle(std::uint64_t slot) const;
  Result<void> keep(std::uint64_t slot, std::span<const std::byte> data);

  const std::uint64_t slots_;
  CompressorPool compressors_;
  ObjectPool pool_;
  const ZeroedArray<std::uint64_t> values_;  ///< a handle, or the word that fills the page
  const ZeroedArray<std::uint16_t> sizes_;
  std::atomic<std::uint64_t> stored_{0}, same_filled_{0}, incompressible_{0}, bytes_{0};
};

}  // namespace gonzo
