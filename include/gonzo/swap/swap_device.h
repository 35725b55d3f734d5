// What keeps pages that are swapped out. Linux: a block device or file under mm/page_io.c, zram.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <gonzo/base/address.h>
#include <gonzo/base/result.h>

namespace gonzo {

/// Since the device was made; pages unless a name says bytes. A kind of device fills in what it
/// has.
struct SwapDeviceStats {
  std::uint64_t reads = 0, writes = 0;  ///< that succeeded
  std::uint64_t read_errors = 0, write_errors = 0;
  std::uint64_t stored = 0;            ///< now in it, where it knows
  std::uint64_t same_filled = 0;       ///< of those: one word stands for the page
  std::uint64_t incompressible = 0;    ///< of those: stored as they are
  std::uint64_t compressed_bytes = 0;  ///< what the others are compressed to
  std::uint64_t pool_bytes = 0;        ///< frames of the machine that hold them
  std::uint64_t written_back = 0;      ///< went on to the device behind (Linux: zswpwb)
};

/// What a read costs (Linux: SWP_SYNCHRONOUS_IO).
enum class SwapLatency : std::uint8_t {
  kMemory,   ///< as little as a copy: reading neighbours ahead gains nothing
  kStorage,  ///< a round trip, which neighbours may share
};

/// Thread-safe: any calls on different slots may run at once; the caller sees to it that calls on
/// one slot are one after the other, but for reads. Calls block until they are done. They may take
/// frames, and must not be called with a lock held that the frame allocator's PressureHandler
/// takes.
class SwapDevice {
 public:
  virtual ~SwapDevice() = default;

  /// As /proc/swaps shows it: a path, or what stands for one.
  virtual std::string name() const = 0;
  /// "file", "zram" ...
  virtual std::string_view kind() const = 0;
  /// Size in pages: slots are [0, slots()).
  virtual std::uint64_t slots() const = 0;
  virtual SwapLatency latency() const { return SwapLatency::kStorage; }
  /// Does the slot's page take memory of the machine? Then a copy there of one that came back is
  /// not worth its place. May be old at once.
  virtual bool is_in_memory(std::uint64_t /*slot*/) const { return false; }

  /// Stores pages of 4 KiB in consecutive slots, in the place of what they held. EIO, ENOSPC (the
  /// medium is full), ENOMEM (no memory to compress into): then each of the slots may hold its old
  /// page, the new one, or none.
  virtual Result<void> write(std::uint64_t first_slot, std::span<const std::byte* const> pages) = 0;
  /// Loads pages that were written. EIO: what `pages` point at is undefined.
  virtual Result<void> read(std::uint64_t first_slot, std::span<std::byte* const> pages) = 0;
  /// The page of the slot, if it has one, is not needed any more. Takes no frames.
  virtual void discard(std::uint64_t slot) = 0;

  virtual SwapDeviceStats stats() const = 0;
};

}  // namespace gonzo
