// A swap device that fails when told to, for tests and experiments. Linux: fault injection,
// dm-error.
#pragma once

#include <atomic>
#include <memory>

#include <gonzo/swap/swap_device.h>

namespace gonzo {

class FailingSwapDevice final : public SwapDevice {
 public:
  explicit FailingSwapDevice(std::unique_ptr<SwapDevice> device) : device_(std::move(device)) {}

  /// Which calls fail: `count` of them from the `first`th from now on (1: the next). A call of
  /// several pages is one, and fails whole; nothing of it reaches the device behind.
  struct Failure {
    std::uint64_t first = 1;
    std::uint64_t count = ~std::uint64_t{0};
    Errno error = Errno::kIo;
  };
  void fail_reads(const Failure& failure) { reads_.arm(failure); }
  void fail_writes(const Failure& failure) { writes_.arm(failure); }
  /// Calls of either kind succeed again.
  void recover();

  std::string name() const override { return device_->name(); }
  std::string_view kind() const override { return device_->kind(); }
  std::uint64_t slots() const override { return device_->slots(); }
  SwapLatency latency() const override { return device_->latency(); }
  bool is_in_memory(std::uint64_t slot) const override { return device_->is_in_memory(slot); }
  Result<void> write(std::uint64_t first_slot, std::span<const std::byte* const> pages) override;
  Result<void> read(std::uint64_t first_slot, std::span<std::byte* const> pages) override;
  void discard(std::uint64_t slot) override { device_->discard(slot); }
  SwapDeviceStats stats() const override;

 private:
  /// Set while nobody transfers, or it may miss a call.
  class Fuse {
   public:
    void arm(const Failure& failure);
    /// Counts one call of `pages`.
    Result<void> pass(std::size_t pages);
    std::uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }

   private:
    std::atomic<std::uint64_t> calls_{0}, first_{0}, count_{0}, failed_{0};
    std::atomic<Errno> error_{Errno::kIo};
  };

  const std::unique_ptr<SwapDevice> device_;
  Fuse reads_, writes_;
};

}  // namespace gonzo
