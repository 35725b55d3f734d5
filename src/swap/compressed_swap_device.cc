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
      write_errors_.fetch_add(pages.size() - i, std::memory_order_relaxed);
      return stored;
    }
    writes_.fetch_add(1, std::memory_order_relaxed);
  }
  return {};
}

Result<void> CompressedSwapDevice::read(std::uint64_t first_slot,
                                        std::span<std::byte* const> pages) {
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (!store_->load(first_slot + i, pages[i])) {
      read_errors_.fetch_add(pages.size() - i, std::memory_order_relaxed);
      return fail(Errno::kIo);
    }
    reads_.fetch_add(1, std::memory_order_relaxed);
  }
  return {};
}

void CompressedSwapDevice::discard(std::uint64_t slot) { store_->drop(slot); }

SwapDeviceStats CompressedSwapDevice::stats() const {
  SwapDeviceStats stats = store_->stats();
  stats.reads = reads_.load(std::memory_order_relaxed);
  stats.writes = writes_.load(std::memory_order_relaxed);
  stats.read_errors = read_errors_.load(std::memory_order_relaxed);
  stats.write_errors = write_errors_.load(std::memory_order_relaxed);
  return stats;
}

}  // namespace gonzo
