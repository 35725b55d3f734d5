#include <utility>

#include "swap/compressed_store.h"
#include <gonzo/swap/compressed_swap_device.h>

namespace gonzo {

Result<std::unique_ptr<CompressedSwapDevice>> CompressedSwapDevice::create(FrameAllocator& frames,
                                                                           const Config& config) {
  if (config.bytes < kPageSize) return fail(Errno::kInval);
  GONZO_ASSIGN(auto store,
               CompressedStore::create(frames, config.bytes / kPageSize, config.compression,
                                       config.pool_limit / kPageSize));
  return std::unique_ptr<CompressedSwapDevice>(
      new CompressedSwapDevice(std::move(store), config.name));
}

CompressedSwapDevice::CompressedSwapDevice(std::unique_ptr<CompressedStore> store, std::string name)
    : store_(std::move(store)), name_(std::move(name)) {}

CompressedSwapDevice::~CompressedSwapDevice() = default;

std::uint64_t CompressedSwapDevice::slots() const { return store_->slots(); }

Result<void> CompressedSwapDevice::write(std::uint64_t first_slot,
                                         std::span<const std::byte* const> pages) {
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const auto stored =
        store_->store(first_slot + i, pages[i], CompressedStore::Incompressible::kKeep);
    if (!stored) {
      counts_.count_write(pages.size() - i, stored);
      return stored;
    }
    counts_.count_write(1, stored);
  }
  return {};
}

Result<void> CompressedSwapDevice::read(std::uint64_t first_slot,
                                        std::span<std::byte* const> pages) {
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const auto loaded = store_->load(first_slot + i, pages[i]);
    if (!loaded) {
      counts_.count_read(pages.size() - i, loaded);
      return fail(Errno::kIo);
    }
    counts_.count_read(1, loaded);
  }
  return {};
}

void CompressedSwapDevice::discard(std::uint64_t slot) { store_->drop(slot); }

SwapDeviceStats CompressedSwapDevice::stats() const {
  SwapDeviceStats stats = store_->stats();
  counts_.report(stats);
  return stats;
}

}  // namespace gonzo
