// The operations of the bench table on the core alone: an AddressSpace that nothing executes, on
// backed frames.
#include <benchmark/benchmark.h>
#include <linux/mman.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include "mm/traced_page.h"
#include <gonzo/base/check.h>
#include <gonzo/cache/page_cache.h>
#include <gonzo/cache/shared_memory.h>
#include <gonzo/frame/slab_allocator.h>
#include <gonzo/mm/address_space.h>

namespace gonzo {
namespace {

/// A machine whose memory the host has backed already.
class Machine {
 public:
  explicit Machine(std::size_t bytes = kBytes) {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    GONZO_CHECK(memory != MAP_FAILED);
    memory_ = std::span(static_cast<std::byte*>(memory), bytes);
    frames_ = FrameAllocator::create({.memory = memory_}).value();
    manager_ = MemoryManager::create(*frames_, {.max_map_count = kNoLimit}).value();
    space_ = AddressSpace::create(*manager_, cache_, {}).value();
  }
  ~Machine() {
    space_.reset();
    manager_.reset();
    frames_.reset();
    munmap(memory_.data(), memory_.size());
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  AddressSpace& space() { return *space_; }
  FrameAllocator& frames() { return *frames_; }
  MemoryManager& manager() { return *manager_; }

  VirtAddr map(std::uint64_t bytes, int protection = PROT_READ | PROT_WRITE,
               ObjectRef object = {}) {
    const int flags = object ? MAP_PRIVATE : MAP_PRIVATE | MAP_ANONYMOUS;
    return space_
        ->map({.length = bytes,
               .protection = protection,
               .flags = flags,
               .object = std::move(object)})
        .value();
  }
  void touch(VirtAddr address, Access access) {
    GONZO_CHECK(mended(space_->fault(address, access)));
  }

 private:
  static constexpr std::size_t kBytes = std::size_t{1} << 30;
  static constexpr unsigned kNoLimit = 1U << 30;
  std::span<std::byte> memory_;
  NoTranslationCache cache_;
  std::unique_ptr<FrameAllocator> frames_;
  std::unique_ptr<MemoryManager> manager_;
  std::unique_ptr<AddressSpace> space_;
};

std::vector<std::uint32_t> shuffled(std::uint32_t count) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  return order;
}

void per_page(benchmark::State& state, std::uint64_t pages) {
  state.SetItemsProcessed(static_cast<std::int64_t>(pages) * state.iterations());
}

/// One fault a page, in the given order, of memory that is mapped anew each round.
void touch_pages(benchmark::State& state, Machine& machine, std::span<const std::uint32_t> order,
                 Access access) {
  for (auto _ : state) {
    state.PauseTiming();
    const VirtAddr base = machine.map(order.size() * kPageSize);
    state.ResumeTiming();
    for (const std::uint32_t page : order) machine.touch(base + page * kPageSize, access);
    state.PauseTiming();
    GONZO_CHECK(machine.space().unmap(base, order.size() * kPageSize).has_value());
    state.ResumeTiming();
  }
  per_page(state, order.size());
}

void touch_recycled(benchmark::State& state) {
  Machine machine;
  std::vector<std::uint32_t> order(16384);
  std::iota(order.begin(), order.end(), 0U);
  touch_pages(state, machine, order, Access::kWrite);
}

void touch_random(benchmark::State& state) {
  Machine machine;
  touch_pages(state, machine, shuffled(65536), Access::kWrite);
}

void zero_page_read(benchmark::State& state) {
  Machine machine;
  std::vector<std::uint32_t> order(16384);
  std::iota(order.begin(), order.end(), 0U);
  touch_pages(state, machine, order, Access::kRead);
}

/// Every page of a cached object once, one fault for each window that fault-around maps.
void file_private_read(benchmark::State& state) {
  constexpr std::uint64_t kBytes = 16 << 20;
  Machine machine;
  const ObjectRef object = make_shared_memory(machine.frames(), kBytes, {});
  for (std::uint64_t page = 0; page < kBytes / kPageSize; ++page) {
    const ObjectPage got = object->get_page(page, PageIntent::kWrite).value();
    machine.frames().put(got.pfn);
  }
  AddressSpace& space = machine.space();
  for (auto _ : state) {
    state.PauseTiming();
    const VirtAddr base = machine.map(kBytes, PROT_READ, object);
    state.ResumeTiming();
    for (VirtAddr at = base; at < base + kBytes; at += kPageSize) {
      const EntryRef entry = space.page_table().find(at);
      if (!entry || !entry.load().is_present()) machine.touch(at, Access::kRead);
    }
    state.PauseTiming();
    GONZO_CHECK(space.unmap(base, kBytes).has_value());
    state.ResumeTiming();
  }
  per_page(state, kBytes / kPageSize);
}

void map_unmap(benchmark::State& state) {
  Machine machine;
  for (auto _ : state) {
    const VirtAddr base = machine.map(65536);
    GONZO_CHECK(machine.space().unmap(base, 65536).has_value());
  }
}

/// The same beside areas of a page each, no two of which merge.
void map_among(benchmark::State& state) {
  Machine machine(std::size_t{16} << 20);
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    machine.map(kPageSize, i % 2 == 0 ? PROT_READ : PROT_READ | PROT_WRITE);
  }
  for (auto _ : state) {
    const VirtAddr base = machine.map(65536);
    GONZO_CHECK(machine.space().unmap(base, 65536).has_value());
  }
}

void protect_middle(benchmark::State& state) {
  Machine machine;
  const VirtAddr base = machine.map(16 * kPageSize);
  for (int page = 0; page < 16; ++page) machine.touch(base + page * kPageSize, Access::kWrite);
  const VirtAddr middle = base + 4 * kPageSize;
  for (auto _ : state) {
    GONZO_CHECK(machine.space().protect(middle, 4 * kPageSize, PROT_READ).has_value());
    GONZO_CHECK(machine.space().protect(middle, 4 * kPageSize, PROT_READ | PROT_WRITE).has_value());
  }
}

void brk_up_down(benchmark::State& state) {
  Machine machine;
  const VirtAddr start{0x10000000};
  machine.space().set_bounds({.start_brk = start, .brk = start});
  for (auto _ : state) {
    GONZO_CHECK(machine.space().brk(start + 65536) == start + 65536);
    GONZO_CHECK(machine.space().brk(start) == start);
  }
}

void remap_grow(benchmark::State& state) {
  Machine machine;
  const VirtAddr base = machine.map(32 * kPageSize);
  AddressSpace& space = machine.space();
  for (auto _ : state) {
    GONZO_CHECK(space.remap(base, 32 * kPageSize, 16 * kPageSize, 0, VirtAddr()).has_value());
    GONZO_CHECK(space.remap(base, 16 * kPageSize, 32 * kPageSize, 0, VirtAddr()).has_value());
  }
}

/// To another place and back.
void remap_move(benchmark::State& state) {
  constexpr std::uint64_t kMoved = 16 * kPageSize;
  Machine machine;
  AddressSpace& space = machine.space();
  const VirtAddr home = machine.map(2 * kMoved), away = home + kMoved;
  GONZO_CHECK(space.unmap(away, kMoved).has_value());
  for (VirtAddr at = home; at < away; at += kPageSize) machine.touch(at, Access::kWrite);
  for (auto _ : state) {
    const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    GONZO_CHECK(space.remap(home, kMoved, kMoved, flags, away).has_value());
    GONZO_CHECK(space.remap(away, kMoved, kMoved, flags, home).has_value());
  }
}

void dont_need(benchmark::State& state) {
  constexpr std::uint64_t kDropped = 16 * kPageSize;
  Machine machine;
  const VirtAddr base = machine.map(kDropped);
  for (auto _ : state) {
    for (VirtAddr at = base; at < base + kDropped; at += kPageSize) {
      machine.touch(at, Access::kWrite);
    }
    GONZO_CHECK(machine.space().advise(base, kDropped, MADV_DONTNEED).has_value());
  }
}

/// Locks what is there already.
void lock_unlock(benchmark::State& state) {
  constexpr std::uint64_t kLockedBytes = 16 * kPageSize;
  Machine machine;
  AddressSpace& space = machine.space();
  const VirtAddr base = machine.map(kLockedBytes);
  for (VirtAddr at = base; at < base + kLockedBytes; at += kPageSize) {
    machine.touch(at, Access::kWrite);
  }
  for (auto _ : state) {
    GONZO_CHECK(space.lock_memory(base, kLockedBytes, 0).has_value());
    GONZO_CHECK(space.unlock_memory(base, kLockedBytes).has_value());
  }
}

/// Brings in what it locks.
void lock_fresh(benchmark::State& state) {
  constexpr std::uint64_t kLockedBytes = 16 * kPageSize;
  Machine machine;
  AddressSpace& space = machine.space();
  for (auto _ : state) {
    state.PauseTiming();
    const VirtAddr base = machine.map(kLockedBytes);
    state.ResumeTiming();
    GONZO_CHECK(space.lock_memory(base, kLockedBytes, 0).has_value());
    state.PauseTiming();
    GONZO_CHECK(space.unmap(base, kLockedBytes).has_value());
    state.ResumeTiming();
  }
}

/// The parent's part: the child goes untimed.
void fork_resident(benchmark::State& state) {
  const std::uint64_t bytes = static_cast<std::uint64_t>(state.range(0)) << 20;
  Machine machine(bytes + bytes / 8 + (std::size_t{16} << 20));
  const VirtAddr base = machine.map(bytes);
  for (VirtAddr at = base; at < base + bytes; at += kPageSize) machine.touch(at, Access::kWrite);
  NoTranslationCache cache;
  for (auto _ : state) {
    auto child = machine.space().fork(cache);
    GONZO_CHECK(child.has_value());
    state.PauseTiming();
    child->reset();
    state.ResumeTiming();
  }
}

constexpr std::uint64_t kTraced = MemoryManager::kMostTraced;
/// Of a parent and its children: kOwn, when it has written since.
enum class Pages : std::uint8_t { kShared, kOwn };

/// Looks for the entries of some of the parent's pages at once, as reclaim does.
void walk_rmap(benchmark::State& state, std::int64_t children, Pages whose) {
  Machine machine;
  const VirtAddr base = machine.map(kTraced * kPageSize);
  const auto touch_all = [&] {
    for (std::uint64_t i = 0; i < kTraced; ++i) machine.touch(base + i * kPageSize, Access::kWrite);
  };
  touch_all();
  NoTranslationCache cache;
  std::vector<std::unique_ptr<AddressSpace>> copies;
  for (std::int64_t i = 0; i < children; ++i) copies.push_back(machine.space().fork(cache).value());
  if (whose == Pages::kOwn) touch_all();
  std::array<TracedPage, kTraced> pages;
  for (auto _ : state) {
    for (std::uint64_t i = 0; i < kTraced; ++i) {
      pages[i] = {.pfn = machine.space().page_table().find(base + i * kPageSize).load().pfn()};
    }
    machine.manager().harvest_references(pages);
    GONZO_CHECK(pages[0].entries == (whose == Pages::kOwn ? 1 : children + 1));
  }
  per_page(state, kTraced);
}

void rmap_walk(benchmark::State& state) { walk_rmap(state, state.range(0) - 1, Pages::kShared); }
void rmap_own(benchmark::State& state) { walk_rmap(state, state.range(0), Pages::kOwn); }

/// find_vma alone, among areas that alternate in protection so that none merge.
void find_among(benchmark::State& state) {
  const auto areas = static_cast<std::uint64_t>(state.range(0));
  const std::unique_ptr<VmaIndex> index = make_vma_index(kDefaultVmaIndex);
  std::vector<std::unique_ptr<Vma>> owned;
  for (std::uint64_t i = 0; i < areas; ++i) {
    const VirtAddr start{0x10000000 + i * 2 * kPageSize};
    owned.push_back(std::make_unique<Vma>(AddressRange{start, start + kPageSize}, VmaAttributes{}));
    GONZO_CHECK(index->reserve(1).has_value());
    index->insert(*owned.back());
  }
  std::uint64_t x = 88172645463325252ULL;
  for (auto _ : state) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    benchmark::DoNotOptimize(index->find(VirtAddr(0x10000000 + (x % areas) * 2 * kPageSize)));
  }
  while (!owned.empty()) {
    index->erase(*owned.back());
    owned.pop_back();
  }
}

/// Sixteen objects at a time, as a call makes and frees them.
template <typename Allocate, typename Free>
void turn_over(benchmark::State& state, Allocate allocate, Free free) {
  constexpr std::size_t kAtOnce = 16;
  std::array<std::byte*, kAtOnce> objects;
  for (auto _ : state) {
    for (std::byte*& object : objects) object = allocate(static_cast<std::size_t>(state.range(0)));
    benchmark::DoNotOptimize(objects.data());
    for (std::byte* const object : objects) free(object);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(kAtOnce) * state.iterations());
}

void slab_objects(benchmark::State& state) {
  Machine machine;
  SlabAllocator slabs(machine.frames());
  turn_over(
      state, [&](std::size_t bytes) { return slabs.allocate(bytes).value(); },
      [&](std::byte* object) { slabs.free(object); });
}

void heap_objects(benchmark::State& state) {
  turn_over(
      state, [](std::size_t bytes) { return static_cast<std::byte*>(std::malloc(bytes)); },
      [](std::byte* object) { std::free(object); });
}

BENCHMARK(touch_recycled)->Unit(benchmark::kNanosecond);
BENCHMARK(touch_random);
BENCHMARK(zero_page_read);
BENCHMARK(file_private_read);
BENCHMARK(map_unmap);
BENCHMARK(map_among)->Arg(1000)->Arg(100000)->Arg(1000000);
BENCHMARK(protect_middle);
BENCHMARK(brk_up_down);
BENCHMARK(remap_grow);
BENCHMARK(remap_move);
BENCHMARK(dont_need);
BENCHMARK(lock_unlock);
BENCHMARK(lock_fresh);
BENCHMARK(fork_resident)->Name("fork")->Arg(1)->Arg(64)->Arg(1024);
BENCHMARK(rmap_walk)->Arg(1)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK(rmap_own)->Arg(1000);
BENCHMARK(slab_objects)->Name("kmalloc_kfree")->Arg(64)->Arg(512);
BENCHMARK(heap_objects)->Name("malloc_free")->Arg(64)->Arg(512);
BENCHMARK(find_among)->Name("find")->Arg(10)->Arg(1000)->Arg(50000)->Arg(100000);

}  // namespace
}  // namespace gonzo

BENCHMARK_MAIN();
