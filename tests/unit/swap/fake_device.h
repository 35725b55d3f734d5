// A swap device in the test's memory, which notes what is asked of it.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <gonzo/swap/swap_device.h>

namespace gonzo::test {

/// Outlives the device, so that a test can look in after it has given that away.
struct FakeMedium {
  using Page = std::vector<std::byte>;
  struct Call {
    std::uint64_t first;
    std::size_t pages;
    bool operator==(const Call&) const = default;
  };

  std::mutex mutex;
  std::map<std::uint64_t, Page> pages;
  std::vector<Call> reads, writes;
  std::vector<std::uint64_t> discards;
  std::set<std::uint64_t> unwritable;  ///< a call with such a slot fails with ENOSPC
};

class FakeDevice final : public SwapDevice {
 public:
  FakeDevice(std::shared_ptr<FakeMedium> medium, std::uint64_t slots,
             SwapLatency latency = SwapLatency::kStorage, std::string name = "/fake")
      : medium_(std::move(medium)), slots_(slots), latency_(latency), name_(std::move(name)) {}

  std::string name() const override { return name_; }
  std::string_view kind() const override { return "file"; }
  std::uint64_t slots() const override { return slots_; }
  SwapLatency latency() const override { return latency_; }
  bool is_in_memory(std::uint64_t /*slot*/) const override {
    return latency_ == SwapLatency::kMemory;
  }

  Result<void> write(std::uint64_t first, std::span<const std::byte* const> pages) override {
    const std::lock_guard lock(medium_->mutex);
    medium_->writes.push_back({first, pages.size()});
    for (std::size_t i = 0; i < pages.size(); ++i) {
      if (medium_->unwritable.contains(first + i)) return fail(Errno::kNoSpc);
    }
    for (std::size_t i = 0; i < pages.size(); ++i)
      medium_->pages[first + i].assign(pages[i], pages[i] + kPageSize);
    return {};
  }
  Result<void> read(std::uint64_t first, std::span<std::byte* const> pages) override {
    const std::lock_guard lock(medium_->mutex);
    medium_->reads.push_back({first, pages.size()});
    for (std::size_t i = 0; i < pages.size(); ++i) {
      const auto found = medium_->pages.find(first + i);
      if (found == medium_->pages.end()) return fail(Errno::kIo);
      std::memcpy(pages[i], found->second.data(), kPageSize);
    }
    return {};
  }
  void discard(std::uint64_t slot) override {
    const std::lock_guard lock(medium_->mutex);
    medium_->discards.push_back(slot);
    medium_->pages.erase(slot);
  }
  SwapDeviceStats stats() const override { return {}; }

 private:
  const std::shared_ptr<FakeMedium> medium_;
  const std::uint64_t slots_;
  const SwapLatency latency_;
  const std::string name_;
};

}  // namespace gonzo::test
