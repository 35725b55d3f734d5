#include <algorithm>
#include <thread>

#include <gonzo/swap/slow_swap_device.h>

namespace gonzo {
namespace {

/// How late a sleeping thread wakes up at worst, on a host that is not busy.
constexpr SlowSwapDevice::Time kOversleep = std::chrono::microseconds(100);

SlowSwapDevice::Time host_now() { return std::chrono::steady_clock::now().time_since_epoch(); }

void host_wait_until(SlowSwapDevice::Time end) {
  const SlowSwapDevice::Time left = end - host_now();
  if (left > kOversleep) std::this_thread::sleep_for(left - kOversleep);
  while (host_now() < end) __builtin_ia32_pause();
}

}  // namespace

SlowSwapDevice::Clock SlowSwapDevice::host_clock() { return {host_now, host_wait_until}; }

SlowSwapDevice::SlowSwapDevice(std::unique_ptr<SwapDevice> device, Speed speed, Clock clock)
    : device_(std::move(device)), clock_(std::move(clock)), speed_(speed) {}

void SlowSwapDevice::set_speed(Speed speed) {
  LockGuard lock(lock_);
  speed_ = speed;
}

SlowSwapDevice::Time SlowSwapDevice::reserve(std::size_t pages) {
  const Time now = clock_.now();
  LockGuard lock(lock_);
  line_free_ = std::max(line_free_, now);
  if (speed_.bytes_per_second != 0) {
    const double seconds =
        static_cast<double>(pages * kPageSize) / static_cast<double>(speed_.bytes_per_second);
    line_free_ += std::chrono::duration_cast<Time>(std::chrono::duration<double>(seconds));
  }
  return line_free_ + speed_.latency;
}

Result<void> SlowSwapDevice::write(std::uint64_t first_slot,
                                   std::span<const std::byte* const> pages) {
  const Time end = reserve(pages.size());
  const Result<void> result = device_->write(first_slot, pages);
  clock_.wait_until(end);
  return result;
}

Result<void> SlowSwapDevice::read(std::uint64_t first_slot, std::span<std::byte* const> pages) {
  const Time end = reserve(pages.size());
  const Result<void> result = device_->read(first_slot, pages);
  clock_.wait_until(end);
  return result;
}

}  // namespace gonzo
