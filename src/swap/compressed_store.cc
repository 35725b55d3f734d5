#include "swap/compressed_store.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include <gonzo/base/check.h>

namespace gonzo {
namespace {

std::uint64_t word_at(const std::byte* page, std::size_t index) {
  std::uint64_t word = 0;
  std::memcpy(&word, page + index * sizeof word, sizeof word);
  return word;
}

/// The word that fills the page, if one does. Most pages that begin alike end differently, so that
/// is looked at first (as Linux's page_same_filled does).
std::optional<std::uint64_t> filling_word(const std::byte* page) {
  const std::uint64_t word = word_at(page, 0);
  if (word_at(page, kPageSize / sizeof word - 1) != word) return std::nullopt;
  if (std::memcmp(page, page + sizeof word, kPageSize - sizeof word) != 0) return std::nullopt;
  return word;
}

void fill_page(std::byte* page, std::uint64_t word) {
  for (std::size_t i = 0; i < kPageSize; i += sizeof word)
    std::memcpy(page + i, &word, sizeof word);
}

void copy(const ObjectPool::Pieces& from, std::byte* to) {
  std::ranges::copy(from.rest, std::ranges::copy(from.first, to).out);
}

void copy(std::span<const std::byte> from, const ObjectPool::Pieces& to) {
  const std::size_t first = to.first.size();
  std::ranges::copy(from.first(first), to.first.begin());
  std::ranges::copy(from.subspan(first), to.rest.begin());
}

}  // namespace

Result<std::unique_ptr<CompressedStore>> CompressedStore::create(FrameAllocator& frames,
                                                                 std::uint64_t slots,
                                                                 SwapCompression compression,
                                                                 std::uint64_t pool_limit) {
  ZeroedArray<std::uint64_t> values(
      static_cast<std::uint64_t*>(std::calloc(slots, sizeof(std::uint64_t))));
  ZeroedArray<std::uint16_t> sizes(
      static_cast<std::uint16_t*>(std::calloc(slots, sizeof(std::uint16_t))));
  if (values == nullptr || sizes == nullptr) return fail(Errno::kNoMem);
  return std::unique_ptr<CompressedStore>(new CompressedStore(
      frames, slots, compression, pool_limit, std::move(values), std::move(sizes)));
}

CompressedStore::CompressedStore(FrameAllocator& frames, std::uint64_t slots,
                                 SwapCompression compression, std::uint64_t pool_limit,
                                 ZeroedArray<std::uint64_t> values,
                                 ZeroedArray<std::uint16_t> sizes)
    : slots_(slots),
      compressors_(compression),
      pool_(frames, slots, pool_limit),
      values_(std::move(values)),
      sizes_(std::move(sizes)) {}

Result<void> CompressedStore::store(std::uint64_t slot, const std::byte* page,
                                    Incompressible incompressible) {
  GONZO_CHECK(slot < slots_);
  drop(slot);
  if (const auto word = filling_word(page)) {
    values_[slot] = *word;
    sizes_[slot] = kSameFilled;
    same_filled_.fetch_add(1, std::memory_order_relaxed);
    stored_.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  {
    const CompressorPool::Lease compressor = compressors_.take();
    if (!compressor) return fail(Errno::kNoMem);
    const std::size_t size = compressor->compress(page, ObjectPool::kMostShared);
    if (size != 0) return keep(slot, compressor->buffer().first(size));
  }
  if (incompressible == Incompressible::kRefuse) return fail(Errno::kTooBig);
  return keep(slot, {page, kPageSize});
}

Result<void> CompressedStore::keep(std::uint64_t slot, std::span<const std::byte> data) {
  GONZO_ASSIGN(const ObjectPool::Handle handle, pool_.allocate(data.size()));
  copy(data, pool_.pieces(handle, data.size()));
  values_[slot] = std::uint64_t{handle.span} << 16 | handle.index;
  sizes_[slot] = static_cast<std::uint16_t>(data.size());
  stored_.fetch_add(1, std::memory_order_relaxed);
  bytes_.fetch_add(data.size(), std::memory_order_relaxed);
  if (data.size() == kPageSize) incompressible_.fetch_add(1, std::memory_order_relaxed);
  return {};
}

ObjectPool::Handle CompressedStore::handle(std::uint64_t slot) const {
  return {static_cast<std::uint32_t>(values_[slot] >> 16),
          static_cast<std::uint16_t>(values_[slot] & 0xffff)};
}

Result<void> CompressedStore::load(std::uint64_t slot, std::byte* page) {
  GONZO_CHECK(slot < slots_);
  const std::uint16_t size = sizes_[slot];
  if (size == kEmpty) return fail(Errno::kNoEnt);
  if (size == kSameFilled) {
    fill_page(page, values_[slot]);
    return {};
  }
  const ObjectPool::Pieces pieces = pool_.pieces(handle(slot), size);
  if (size == kPageSize) {
    copy(pieces, page);
    return {};
  }
  const CompressorPool::Lease compressor = compressors_.take();
  if (!compressor) return fail(Errno::kNoMem);
  std::span<const std::byte> data = pieces.first;
  if (!pieces.rest.empty()) {
    copy(pieces, compressor->buffer().data());
    data = compressor->buffer().first(size);
  }
  if (!compressor->decompress(data, page)) return fail(Errno::kIo);
  return {};
}

void CompressedStore::drop(std::uint64_t slot) {
  GONZO_CHECK(slot < slots_);
  const std::uint16_t size = std::exchange(sizes_[slot], kEmpty);
  if (size == kEmpty) return;
  stored_.fetch_sub(1, std::memory_order_relaxed);
  if (size == kSameFilled) {
    same_filled_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  bytes_.fetch_sub(size, std::memory_order_relaxed);
  if (size == kPageSize) incompressible_.fetch_sub(1, std::memory_order_relaxed);
  pool_.free(handle(slot));
}

SwapDeviceStats CompressedStore::stats() const {
  return {.stored = stored_.load(std::memory_order_relaxed),
          .same_filled = same_filled_.load(std::memory_order_relaxed),
          .incompressible = incompressible_.load(std::memory_order_relaxed),
          .compressed_bytes = bytes_.load(std::memory_order_relaxed),
          .pool_bytes = pool_.frames() * kPageSize};
}

}  // namespace gonzo
