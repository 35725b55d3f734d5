// Pages out and in by swap device, and the bookkeeping that a swap fault takes.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gonzo/base/check.h>
#include <gonzo/frame/frame_allocator.h>
#include <gonzo/swap/swap_space.h>
#include <gonzo/swap/swap_text.h>

namespace gonzo {
namespace {

constexpr std::size_t kBatch = 32;  // Linux: SWAP_CLUSTER_MAX
constexpr std::uint64_t kPages = 8192;

enum class Content : std::int64_t { kZero, kText, kRandom, kCounts };

class Machine {
 public:
  Machine() {
    void* const memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    GONZO_CHECK(memory != MAP_FAILED);
    frames_ =
        std::move(*FrameAllocator::create({.memory = {static_cast<std::byte*>(memory), kBytes}}));
  }
  FrameAllocator& frames() { return *frames_; }

 private:
  static constexpr std::size_t kBytes = std::size_t{1} << 28;
  std::unique_ptr<FrameAllocator> frames_;
};

/// Two to one under LZ4.
void write_text(std::byte* page, std::mt19937_64& random) {
  std::string text;
  while (text.size() < kPageSize) {
    text += "{\"key\": " + std::to_string(random() % 100000) + ", \"name\": \"";
    for (int i = 0; i < 6; ++i) text += static_cast<char>('a' + random() % 26);
    text += "\"}, ";
  }
  std::memcpy(page, text.data(), kPageSize);
}

class Pages {
 public:
  Pages(Machine& machine, Content content) {
    std::mt19937_64 random(1);
    for (std::uint64_t i = 0; i < kPages; ++i) {
      const Pfn pfn = *machine.frames().allocate(0, FrameState::kAnonymous, ZeroPolicy::kZeroed);
      std::byte* const page = machine.frames().address(pfn);
      if (content == Content::kText) write_text(page, random);
      for (std::size_t k = 0; content == Content::kCounts && k < kPageSize / 2; k += 8)
        page[k] = static_cast<std::byte>(random() % 3);
      for (std::size_t k = 0; content == Content::kRandom && k < kPageSize; k += 8) {
        const std::uint64_t word = random();
        std::memcpy(page + k, &word, sizeof word);
      }
      frames_.push_back(pfn);
    }
  }
  std::span<const Pfn> at(std::uint64_t first) const {
    return std::span(frames_).subspan(first, kBatch);
  }

 private:
  std::vector<Pfn> frames_;
};

class Bench {
 public:
  Bench(const char* device, Content content) : pages_(machine_, content) {
    const auto request = parse_swap(device);
    GONZO_CHECK(request.has_value());
    auto opened = open_swap(*request, {.frames = machine_.frames()});
    GONZO_CHECK(opened.has_value());
    GONZO_CHECK(swap_.add(std::move(*opened)).has_value());
    for (std::vector<SwapSlot>& batch : batches_) {
      batch.resize(kBatch);
      GONZO_CHECK(swap_.allocate(std::span(batch)) == kBatch);
    }
  }
  void write(std::uint64_t batch) {
    const std::uint64_t i = batch % batches_.size();
    GONZO_CHECK(swap_.write_out(batches_[i], pages_.at(i * kBatch)).result.has_value());
  }
  void read(std::uint64_t batch) {
    const std::uint64_t i = batch % batches_.size();
    GONZO_CHECK(swap_.read_in(batches_[i], pages_.at(i * kBatch)).result.has_value());
  }
  double ratio() const {
    const SwapDeviceStats stats = swap_.areas().front().device;
    const auto pages = static_cast<double>(stats.stored * kPageSize);
    return stats.pool_bytes == 0 ? 0 : pages / static_cast<double>(stats.pool_bytes);
  }
  std::uint64_t batches() const { return batches_.size(); }

 private:
  Machine machine_;
  Pages pages_;
  SwapSpace swap_{machine_.frames()};
  std::array<std::vector<SwapSlot>, kPages / kBatch> batches_;
};

void finish(benchmark::State& state, const Bench& bench) {
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kBatch));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kBatch * kPageSize));
  if (bench.ratio() != 0) state.counters["ratio"] = bench.ratio();
}

void out(benchmark::State& state, const char* device) {
  Bench bench(device, static_cast<Content>(state.range(0)));
  std::uint64_t batch = 0;
  for (auto _ : state) bench.write(batch++);
  finish(state, bench);
}

void in(benchmark::State& state, const char* device) {
  Bench bench(device, static_cast<Content>(state.range(0)));
  for (std::uint64_t batch = 0; batch < bench.batches(); ++batch) bench.write(batch);
  std::uint64_t batch = 0;
  for (auto _ : state) bench.read(batch++);
  finish(state, bench);
}

/// What swapping a page out and in costs without the device.
void bookkeeping(benchmark::State& state) {
  static Machine machine;
  static SwapSpace* const swap = [] {
    auto* const made = new SwapSpace(machine.frames());
    const auto request = *parse_swap("1G");
    GONZO_CHECK(
        made->add(std::move(*open_swap(request, {.frames = machine.frames()}))).has_value());
    return made;
  }();
  const Pfn pfn = *machine.frames().allocate(0, FrameState::kAnonymous, ZeroPolicy::kDontCare);
  for (auto _ : state) {
    const SwapSlot slot = *swap->allocate();
    GONZO_CHECK(swap->insert(slot, pfn).has_value());
    swap->duplicate(slot);
    swap->free(slot);
    swap->erase(slot, pfn, 5);
    GONZO_CHECK(swap->look_up_or_start(slot).has_value());
    GONZO_CHECK(swap->finish_read(slot, pfn));
    swap->free(slot);
    GONZO_CHECK(swap->erase_unused(slot, pfn));
  }
  machine.frames().put(pfn);
}

void contents(benchmark::internal::Benchmark* made) {
  for (const Content content : {Content::kZero, Content::kText, Content::kRandom, Content::kCounts})
    made->Arg(static_cast<std::int64_t>(content));
}

BENCHMARK_CAPTURE(out, zram_lz4, "zram:1G")->Apply(contents);
BENCHMARK_CAPTURE(in, zram_lz4, "zram:1G")->Apply(contents);
BENCHMARK_CAPTURE(out, zram_zstd, "zram:1G:zstd")->Apply(contents);
BENCHMARK_CAPTURE(in, zram_zstd, "zram:1G:zstd")->Apply(contents);
BENCHMARK_CAPTURE(out, zswap_file, "zswap:4M:1G")->Arg(1);
BENCHMARK_CAPTURE(in, zswap_file, "zswap:4M:1G")->Arg(1);
BENCHMARK_CAPTURE(out, file, "1G")->Arg(1)->UseRealTime();
BENCHMARK_CAPTURE(in, file, "1G")->Arg(1)->UseRealTime();
BENCHMARK(bookkeeping)->Threads(1)->Threads(2);

}  // namespace
}  // namespace gonzo

BENCHMARK_MAIN();
