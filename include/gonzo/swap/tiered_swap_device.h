// Compressed memory in front of another swap device. Linux: mm/zswap.c.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include <gonzo/base/lock.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/swap/compressed_swap_device.h>
#include <gonzo/swap/swap_device.h>
#include <gonzo/swap/transfer_counts.h>

namespace gonzo {

/// Pages are compressed into frames of the machine; when those have reached their share, the pages
/// that were not used for longest go on to the device behind. What does not compress goes there at
/// once. Each slot has its place on the device behind from the start, as with zswap, so that a page
/// never lacks one. 22 bytes a slot of the host's memory, once it was used.
class TieredSwapDevice final : public SwapDevice {
 public:
  struct Config {
    std::uint64_t pool_bytes = 0;  ///< frames for compressed pages, at most
    SwapCompression compression = SwapCompression::kLz4;
  };
  /// EINVAL: a pool of no page; ENOMEM. `frames` outlives the device.
  static Result<std::unique_ptr<TieredSwapDevice>> create(FrameAllocator& frames,
                                                          std::unique_ptr<SwapDevice> behind,
                                                          const Config& config);
  ~TieredSwapDevice() override;
  TieredSwapDevice(const TieredSwapDevice&) = delete;
  TieredSwapDevice& operator=(const TieredSwapDevice&) = delete;

  /// Name, kind and size are those of the device behind.
  std::string name() const override { return behind_->name(); }
  std::string_view kind() const override { return behind_->kind(); }
  std::uint64_t slots() const override { return behind_->slots(); }
  bool is_in_memory(std::uint64_t slot) const override GONZO_EXCLUDES(lock_);
  /// Errors are those of the device behind: without memory for the pool pages go there.
  Result<void> write(std::uint64_t first_slot, std::span<const std::byte* const> pages) override
      GONZO_EXCLUDES(lock_, write_back_lock_);
  Result<void> read(std::uint64_t first_slot, std::span<std::byte* const> pages) override
      GONZO_EXCLUDES(lock_);
  /// Waits if the slot is being written to the device behind.
  void discard(std::uint64_t slot) override GONZO_EXCLUDES(lock_);
  SwapDeviceStats stats() const override;

 private:
  static constexpr std::size_t kBatch = 32;
  static constexpr std::uint32_t kNone = 0xffffffffU;
  enum class Place : std::uint8_t {
    kNowhere,
    kPool,
    kOnItsWay,  ///< in both: only who writes it back may touch it
    kBehind,
  };
  /// Zero is a valid slot that holds nothing.
  struct Slot {
    std::uint32_t before, after;  ///< in the pool: by last use
    std::uint16_t readers;        ///< it stays in the pool for them
    Place place;
  };
  struct FreeDeleter {
    void operator()(void* memory) const { std::free(memory); }
  };
  using Slots = std::unique_ptr<Slot[], FreeDeleter>;
  using Bounce = std::unique_ptr<std::byte[], FreeDeleter>;

  TieredSwapDevice(std::unique_ptr<SwapDevice> behind, std::unique_ptr<CompressedStore> store,
                   Slots slots, Bounce bounce);
  /// Not on its way, after a wait.
  Slot& settled(std::uint64_t number) GONZO_REQUIRES(lock_);
  void link(std::uint64_t number) GONZO_REQUIRES(lock_);
  void unlink(std::uint64_t number) GONZO_REQUIRES(lock_);
  /// The slot holds nothing any more, here; where it did.
  Place forget(std::uint64_t number) GONZO_EXCLUDES(lock_);
  void set_place(std::uint64_t number, Place place) GONZO_EXCLUDES(lock_);
  bool store(std::uint64_t number, const std::byte* page) GONZO_EXCLUDES(lock_, write_back_lock_);
  bool load(std::uint64_t number, std::byte* page, Place& place) GONZO_EXCLUDES(lock_);
  Result<void> write_behind(std::uint64_t first, std::span<const std::byte* const> pages)
      GONZO_EXCLUDES(lock_);
  /// A batch of the oldest pages. False: none went.
  bool write_back() GONZO_EXCLUDES(lock_, write_back_lock_);
  std::size_t choose(std::span<std::uint64_t, kBatch> chosen) GONZO_EXCLUDES(lock_);
  /// Consecutive slots, whose pages are taken out of the pool. False: they stay.
  bool move_behind(std::span<const std::uint64_t> run) GONZO_REQUIRES(write_back_lock_)
      GONZO_EXCLUDES(lock_);

  const std::unique_ptr<SwapDevice> behind_;
  const std::unique_ptr<CompressedStore> store_;
  Mutex write_back_lock_;  ///< above lock_; held over I/O
  const Bounce bounce_ GONZO_GUARDED_BY(write_back_lock_);
  mutable Mutex lock_;
  std::condition_variable_any settled_;  ///< some slots are not on their way any more
  const Slots slots_ GONZO_GUARDED_BY(lock_);
  std::uint32_t oldest_ GONZO_GUARDED_BY(lock_) = kNone;
  std::uint32_t newest_ GONZO_GUARDED_BY(lock_) = kNone;
  TransferCounts counts_;
  std::atomic<std::uint64_t> written_back_{0};
};

}  // namespace gonzo
