#include <gonzo/swap/failing_swap_device.h>

namespace gonzo {

void FailingSwapDevice::Fuse::arm(const Failure& failure) {
  count_.store(0, std::memory_order_relaxed);
  calls_.store(0, std::memory_order_relaxed);
  first_.store(failure.first, std::memory_order_relaxed);
  error_.store(failure.error, std::memory_order_relaxed);
  count_.store(failure.count, std::memory_order_relaxed);
}

Result<void> FailingSwapDevice::Fuse::pass(std::size_t pages) {
  const std::uint64_t call = calls_.fetch_add(1, std::memory_order_relaxed) + 1;
  const std::uint64_t first = first_.load(std::memory_order_relaxed);
  if (call < first || call - first >= count_.load(std::memory_order_relaxed)) return {};
  failed_.fetch_add(pages, std::memory_order_relaxed);
  return fail(error_.load(std::memory_order_relaxed));
}

void FailingSwapDevice::recover() {
  reads_.arm({.count = 0});
  writes_.arm({.count = 0});
}

Result<void> FailingSwapDevice::write(std::uint64_t first_slot,
                                      std::span<const std::byte* const> pages) {
  GONZO_TRY(writes_.pass(pages.size()));
  return device_->write(first_slot, pages);
}

Result<void> FailingSwapDevice::read(std::uint64_t first_slot, std::span<std::byte* const> pages) {
  GONZO_TRY(reads_.pass(pages.size()));
  return device_->read(first_slot, pages);
}

SwapDeviceStats FailingSwapDevice::stats() const {
  SwapDeviceStats stats = device_->stats();
  stats.read_errors += reads_.failed();
  stats.write_errors += writes_.failed();
  return stats;
}

}  // namespace gonzo
