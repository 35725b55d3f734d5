#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <ranges>

#include "frame/bad_frame.h"
#include <gonzo/base/check.h>
#include <gonzo/frame/slab_allocator.h>

namespace gonzo {
namespace {

struct Size {
  std::size_t bytes;
  const char* name;
};
/// Linux: kmalloc_info.
constexpr std::array<Size, 13> kKmalloc{{{8, "kmalloc-8"},
                                         {16, "kmalloc-16"},
                                         {32, "kmalloc-32"},
                                         {64, "kmalloc-64"},
                                         {96, "kmalloc-96"},
                                         {128, "kmalloc-128"},
                                         {192, "kmalloc-192"},
                                         {256, "kmalloc-256"},
                                         {512, "kmalloc-512"},
                                         {1024, "kmalloc-1k"},
                                         {2048, "kmalloc-2k"},
                                         {4096, "kmalloc-4k"},
                                         {8192, "kmalloc-8k"}}};

/// The lowest bit: what a multiple of the size is aligned to.
std::size_t alignment_of(std::size_t bytes) {
  return std::min<std::size_t>(std::size_t{1} << std::countr_zero(bytes), kPageSize);
}

/// By steps of 8 bytes up to 192, the index in kKmalloc (Linux: kmalloc_size_index).
constexpr auto kSmall = [] {
  std::array<std::uint8_t, 192 / 8 + 1> table{};
  for (std::size_t step = 0; step < table.size(); ++step) {
    std::uint8_t index = 0;
    while (kKmalloc[index].bytes < step * 8) ++index;
    table[step] = index;
  }
  return table;
}();
constexpr std::size_t kFirstLarge = 7;  ///< 256 bytes, from where on all are powers of two
static_assert(kKmalloc[kFirstLarge].bytes == 256);

std::size_t size_index(std::size_t bytes) {
  if (bytes <= 192) return kSmall[(bytes + 7) / 8];
  return kFirstLarge + static_cast<std::size_t>(std::bit_width((bytes - 1) >> 8));
}

unsigned order_of(std::size_t bytes) {
  return static_cast<unsigned>(std::bit_width((bytes - 1) >> kPageShift));
}

}  // namespace

SlabAllocator::SlabAllocator(FrameAllocator& frames) : frames_(frames) {
  static_assert(kSizes == kKmalloc.size());
  for (std::size_t i = 0; i < kSizes; ++i) {
    sizes_[i] = &add_cache({.name = kKmalloc[i].name,
                            .bytes = kKmalloc[i].bytes,
                            .alignment = alignment_of(kKmalloc[i].bytes)});
  }
}

SlabCache& SlabAllocator::cache_for(std::size_t bytes) const { return *sizes_[size_index(bytes)]; }

Result<std::byte*> SlabAllocator::allocate(std::size_t bytes, ZeroPolicy zero) {
  if (bytes == 0) return fail(Errno::kInval);
  if (bytes <= kMostCached) return cache_for(bytes).allocate(zero);
  if (bytes > kMost) return fail(Errno::kNoMem);
  const unsigned order = order_of(bytes);
  GONZO_ASSIGN(const Pfn block, frames_.allocate(order, FrameState::kSlab, zero));
  large_frames_.fetch_add(1ULL << order, std::memory_order_relaxed);
  return frames_.address(block);
}

void SlabAllocator::free(std::byte* memory) {
  if (memory == nullptr) return;
  const Pfn slab = SlabCache::slab_of(frames_, memory);
  const Frame& head = frames_.frame(slab);
  if (SlabCache* const cache = SlabCache::cache_of(head)) return cache->free(memory);
  if (frames_.address(slab) != memory) bad_frame("freed by an address inside", slab, head);
  const unsigned order = head.order;
  large_frames_.fetch_sub(1ULL << order, std::memory_order_relaxed);
  frames_.free(slab, order);
}

std::size_t SlabAllocator::size_of(const std::byte* memory) const {
  const Frame& head = frames_.frame(SlabCache::slab_of(frames_, memory));
  if (const SlabCache* const cache = SlabCache::cache_of(head)) return cache->object_bytes();
  return kPageSize << head.order;
}

PhysAddr SlabAllocator::physical(const void* memory) const {
  const auto offset = static_cast<const std::byte*>(memory) - frames_.address(Pfn(0));
  return PhysAddr(static_cast<std::uint64_t>(offset));
}

SlabCache& SlabAllocator::add_cache(const SlabCache::Config& config) {
  auto made = std::make_unique<SlabCache>(frames_, config);
  const LockGuard guard(lock_);
  caches_.push_back(std::move(made));
  return *caches_.back();
}

std::vector<SlabCache*> SlabAllocator::all() const {
  const LockGuard guard(lock_);
  std::vector<SlabCache*> result;
  result.reserve(caches_.size());
  for (const auto& cache : caches_) result.push_back(cache.get());
  return result;
}

std::size_t SlabAllocator::shrink() {
  std::size_t frames = 0;
  for (SlabCache* const cache : all()) frames += cache->shrink();
  return frames;
}

SlabAllocator::Totals SlabAllocator::totals() const {
  Totals totals{.unreclaimable = large_frames_.load(std::memory_order_relaxed)};
  for (const SlabCache* const cache : all()) {
    const bool reclaimable = cache->kind() == SlabKind::kReclaimable;
    (reclaimable ? totals.reclaimable : totals.unreclaimable) += cache->stats().frames;
  }
  return totals;
}

/// Linux: print_slabinfo_header, cache_show. The numbers of SLUB, which has no tunables.
std::string SlabAllocator::info_text() const {
  std::string text =
      "slabinfo - version: 2.1\n"
      "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
      " : tunables <limit> <batchcount> <sharedfactor>"
      " : slabdata <active_slabs> <num_slabs> <sharedavail>\n";
  for (const SlabCache* const cache : std::views::reverse(all())) {
    const SlabStats stats = cache->stats();
    fmt::format_to(std::back_inserter(text),
                   "{:<17} {:6} {:6} {:6} {:4} {:4} : tunables {:4} {:4} {:4}"
                   " : slabdata {:6} {:6} {:6}\n",
                   cache->name(), stats.active, stats.objects, cache->stride(),
                   cache->objects_per_slab(), 1U << cache->order(), 0, 0, 0, stats.slabs,
                   stats.slabs, 0);
  }
  return text;
}

std::string SlabAllocator::verify() const {
  for (const SlabCache* const cache : all()) {
    if (std::string wrong = cache->verify(); !wrong.empty()) return wrong;
  }
  const std::uint64_t found = totals().all();
  const std::uint64_t counted =
      frames_.stats().by_state[static_cast<std::size_t>(FrameState::kSlab)];
  if (found == counted) return {};
  return fmt::format("slabs have {} frames, {} are in that state", found, counted);
}

}  // namespace gonzo
