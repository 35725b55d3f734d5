#include <algorithm>
#include <array>
#include <utility>

#include "swap/compressed_store.h"
#include <gonzo/base/check.h>
#include <gonzo/swap/tiered_swap_device.h>

namespace gonzo {

Result<std::unique_ptr<TieredSwapDevice>> TieredSwapDevice::create(
    FrameAllocator& frames, std::unique_ptr<SwapDevice> behind, const Config& config) {
  const std::uint64_t slots = behind->slots();
  const std::uint64_t pool_frames = config.pool_bytes / kPageSize;
  if (pool_frames == 0 || slots >= kNone) return fail(Errno::kInval);
  GONZO_ASSIGN(auto store, CompressedStore::create(frames, slots, config.compression, pool_frames));
  Slots table(static_cast<Slot*>(std::calloc(slots, sizeof(Slot))));
  Bounce bounce(static_cast<std::byte*>(std::aligned_alloc(kPageSize, kBatch * kPageSize)));
  if (table == nullptr || bounce == nullptr) return fail(Errno::kNoMem);
  return std::unique_ptr<TieredSwapDevice>(new TieredSwapDevice(
      std::move(behind), std::move(store), std::move(table), std::move(bounce)));
}

TieredSwapDevice::TieredSwapDevice(std::unique_ptr<SwapDevice> behind,
                                   std::unique_ptr<CompressedStore> store, Slots slots,
                                   Bounce bounce)
    : behind_(std::move(behind)),
      store_(std::move(store)),
      bounce_(std::move(bounce)),
      slots_(std::move(slots)) {}

TieredSwapDevice::~TieredSwapDevice() = default;

// --- the pool's pages, by last use ---

TieredSwapDevice::Slot& TieredSwapDevice::settled(std::uint64_t number) {
  while (slots_[number].place == Place::kOnItsWay) settled_.wait(lock_);
  return slots_[number];
}

void TieredSwapDevice::link(std::uint64_t number) {
  const auto slot = static_cast<std::uint32_t>(number);
  slots_[slot].before = newest_;
  slots_[slot].after = kNone;
  (newest_ == kNone ? oldest_ : slots_[newest_].after) = slot;
  newest_ = slot;
}

void TieredSwapDevice::unlink(std::uint64_t number) {
  const Slot& slot = slots_[number];
  (slot.before == kNone ? oldest_ : slots_[slot.before].after) = slot.after;
  (slot.after == kNone ? newest_ : slots_[slot.after].before) = slot.before;
}

TieredSwapDevice::Place TieredSwapDevice::forget(std::uint64_t number) {
  Place place = Place::kNowhere;
  {
    LockGuard lock(lock_);
    place = std::exchange(settled(number).place, Place::kNowhere);
    if (place == Place::kPool) unlink(number);
  }
  if (place == Place::kPool) store_->drop(number);
  return place;
}

void TieredSwapDevice::set_place(std::uint64_t number, Place place) {
  LockGuard lock(lock_);
  slots_[number].place = place;
  if (place == Place::kPool) link(number);
}

// --- pages in ---

bool TieredSwapDevice::store(std::uint64_t number, const std::byte* page) {
  forget(number);
  // Nobody else looks at the slot meanwhile.
  auto stored = store_->store(number, page, CompressedStore::Incompressible::kRefuse);
  if (!stored && stored.error() == Errno::kNoMem && write_back())
    stored = store_->store(number, page, CompressedStore::Incompressible::kRefuse);
  if (!stored) return false;
  set_place(number, Place::kPool);
  return true;
}

Result<void> TieredSwapDevice::write_behind(std::uint64_t first,
                                            std::span<const std::byte* const> pages) {
  if (pages.empty()) return {};
  GONZO_TRY(behind_->write(first, pages));
  for (std::size_t i = 0; i < pages.size(); ++i) set_place(first + i, Place::kBehind);
  return {};
}

Result<void> TieredSwapDevice::write(std::uint64_t first_slot,
                                     std::span<const std::byte* const> pages) {
  Result<void> result;
  std::size_t passed = 0;  // the pages before are done with
  for (std::size_t i = 0; i < pages.size() && result; ++i) {
    if (!store(first_slot + i, pages[i])) continue;
    result = write_behind(first_slot + passed, pages.subspan(passed, i - passed));
    passed = i + 1;
  }
  if (result) result = write_behind(first_slot + passed, pages.subspan(passed));
  counts_.count_write(pages.size(), result);
  return result;
}

// --- pages out ---

bool TieredSwapDevice::load(std::uint64_t number, std::byte* page, Place& place) {
  {
    LockGuard lock(lock_);
    Slot& slot = settled(number);
    place = slot.place;
    if (place != Place::kPool) return false;
    ++slot.readers;
    unlink(number);
    link(number);
  }
  const bool is_good = store_->load(number, page).has_value();
  LockGuard lock(lock_);
  --slots_[number].readers;
  return is_good;
}

Result<void> TieredSwapDevice::read(std::uint64_t first_slot, std::span<std::byte* const> pages) {
  Result<void> result;
  std::size_t passed = 0;
  for (std::size_t i = 0; i < pages.size() && result; ++i) {
    Place place = Place::kNowhere;
    const bool is_loaded = load(first_slot + i, pages[i], place);
    if (place == Place::kBehind) continue;
    if (i > passed) result = behind_->read(first_slot + passed, pages.subspan(passed, i - passed));
    if (!is_loaded) result = fail(Errno::kIo);
    passed = i + 1;
  }
  if (result && passed < pages.size())
    result = behind_->read(first_slot + passed, pages.subspan(passed));
  counts_.count_read(pages.size(), result);
  return result;
}

bool TieredSwapDevice::is_in_memory(std::uint64_t slot) const {
  const LockGuard lock(lock_);
  return slots_[slot].place == Place::kPool;
}

void TieredSwapDevice::discard(std::uint64_t slot) {
  if (forget(slot) == Place::kBehind) behind_->discard(slot);
}

// --- writing back ---

std::size_t TieredSwapDevice::choose(std::span<std::uint64_t, kBatch> chosen) {
  LockGuard lock(lock_);
  std::size_t count = 0;
  for (std::uint32_t number = oldest_; number != kNone && count < kBatch;) {
    Slot& slot = slots_[number];
    const std::uint32_t next = slot.after;
    if (slot.readers == 0) {
      unlink(number);
      slot.place = Place::kOnItsWay;
      chosen[count++] = number;
    }
    number = next;
  }
  return count;
}

bool TieredSwapDevice::move_behind(std::span<const std::uint64_t> run) {
  std::array<std::byte*, kBatch> pages;
  bool is_good = true;
  for (std::size_t i = 0; i < run.size() && is_good; ++i) {
    pages[i] = bounce_.get() + i * kPageSize;
    is_good = store_->load(run[i], pages[i]).has_value();
  }
  is_good = is_good && behind_->write(run[0], std::span(pages).first(run.size())).has_value();
  for (const std::uint64_t number : run) {
    if (is_good) store_->drop(number);
    set_place(number, is_good ? Place::kBehind : Place::kPool);
  }
  settled_.notify_all();
  if (is_good) written_back_.fetch_add(run.size(), std::memory_order_relaxed);
  return is_good;
}

bool TieredSwapDevice::write_back() {
  std::array<std::uint64_t, kBatch> chosen;
  LockGuard one_at_a_time(write_back_lock_);
  const std::size_t count = choose(chosen);
  const auto all = std::span(chosen).first(count);
  std::ranges::sort(all);
  bool has_moved = false;
  for (std::size_t start = 0, end = 0; start < count; start = end) {
    end = start + 1;
    while (end < count && all[end] == all[start] + (end - start)) ++end;
    has_moved |= move_behind(all.subspan(start, end - start));
  }
  return has_moved;
}

SwapDeviceStats TieredSwapDevice::stats() const {
  SwapDeviceStats stats = store_->stats();
  counts_.report(stats);
  stats.written_back = written_back_.load(std::memory_order_relaxed);
  return stats;
}

}  // namespace gonzo
