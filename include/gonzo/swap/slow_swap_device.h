// A swap device with a latency and a bandwidth, for experiments. Linux: dm-delay, null_blk.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

#include <gonzo/base/lock.h>
#include <gonzo/swap/swap_device.h>

namespace gonzo {

/// Each call waits until its pages have gone over a line of that bandwidth, one call after the
/// other, and then for the latency, at once with others. Settings may change at any time.
class SlowSwapDevice final : public SwapDevice {
 public:
  using Time = std::chrono::nanoseconds;
  struct Speed {
    Time latency{0};
    std::uint64_t bytes_per_second = 0;  ///< 0: unlimited
  };
  /// Time since any fixed point, and how to let it go by until one. Called by many threads.
  struct Clock {
    std::function<Time()> now;
    std::function<void(Time)> wait_until;
  };
  /// The host's monotonic one. Waits to within about 0.1 us, by spinning at the end.
  static Clock host_clock();

  SlowSwapDevice(std::unique_ptr<SwapDevice> device, Speed speed, Clock clock = host_clock());

  void set_speed(Speed speed);

  std::string name() const override { return device_->name(); }
  std::string_view kind() const override { return device_->kind(); }
  std::uint64_t slots() const override { return device_->slots(); }
  SwapLatency latency() const override { return SwapLatency::kStorage; }
  bool is_in_memory(std::uint64_t slot) const override { return device_->is_in_memory(slot); }
  Result<void> write(std::uint64_t first_slot, std::span<const std::byte* const> pages) override;
  Result<void> read(std::uint64_t first_slot, std::span<std::byte* const> pages) override;
  void discard(std::uint64_t slot) override { device_->discard(slot); }
  SwapDeviceStats stats() const override { return device_->stats(); }

 private:
  /// When a transfer that begins now is over.
  Time reserve(std::size_t pages) GONZO_EXCLUDES(lock_);

  const std::unique_ptr<SwapDevice> device_;
  const Clock clock_;
  SpinLock lock_;
  Speed speed_ GONZO_GUARDED_BY(lock_);
  Time line_free_ GONZO_GUARDED_BY(lock_){0};
};

}  // namespace gonzo
