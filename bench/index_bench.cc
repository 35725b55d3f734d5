// The kinds of VMA index side by side, in one typical fragmented layout of areas. Each measure
// waits for the answer before the next question, as faults do.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <gonzo/base/check.h>
#include <gonzo/vma/vma_index.h>

namespace gonzo {
namespace {

constexpr VirtAddr kTop(0x7fff00000000);
constexpr VirtAddr kBottom(0x10000);
constexpr std::uint64_t kGuard = 256 * kPageSize;

class Random {
 public:
  std::uint64_t below(std::uint32_t limit) {
    x_ ^= x_ << 13, x_ ^= x_ >> 7, x_ ^= x_ << 17;
    return (x_ >> 32) * limit >> 32;
  }

 private:
  std::uint64_t x_ = 88172645463325252ULL;
};

/// Always 0, but known only when `answer` is.
std::uint64_t after(std::uint64_t answer) {
  std::uint64_t none = 0;
  benchmark::DoNotOptimize(none);
  return answer & none;
}

/// An index filled with areas of 1 to 16 pages in random order. Half of them touch the one above
/// (segments, changed protections), most gaps are a few pages, some are large.
class Population {
 public:
  Population(VmaIndexKind kind, std::uint32_t count) : kind_(kind), index_(make_vma_index(kind)) {
    VirtAddr top = kTop;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint64_t kind_of_gap = random_.below(20);
      std::uint64_t gap = 0;
      if (kind_of_gap >= 10) gap = 1;
      if (kind_of_gap >= 15) gap = 2 + random_.below(15);
      if (kind_of_gap == 19) gap = 17 + random_.below(48);
      top = top - gap * kPageSize;
      const VirtAddr start = top - (1 + random_.below(16)) * kPageSize;
      areas_.push_back(std::make_unique<Vma>(AddressRange{start, top}, VmaAttributes{}));
      top = start;
    }
    std::vector<std::uint32_t> order(count);
    std::iota(order.begin(), order.end(), 0U);
    std::shuffle(order.begin(), order.end(), std::mt19937(1));
    for (const std::uint32_t i : order) insert(*areas_[i]);
  }
  ~Population() {
    for (const auto& vma : areas_) index_->erase(*vma);
  }
  Population(const Population&) = delete;
  Population& operator=(const Population&) = delete;

  bool is(VmaIndexKind kind, std::uint32_t count) const {
    return kind_ == kind && areas_.size() == count;
  }
  VmaIndex& index() { return *index_; }
  Random& random() { return random_; }
  std::uint64_t count() const { return areas_.size(); }
  Vma& any() { return *areas_[random_.below(static_cast<std::uint32_t>(areas_.size()))]; }
  void insert(Vma& vma) {
    GONZO_CHECK(index_->reserve(1).has_value());
    index_->insert(vma);
  }

 private:
  VmaIndexKind kind_;
  std::vector<std::unique_ptr<Vma>> areas_;
  std::unique_ptr<VmaIndex> index_;
  Random random_;
};

enum class Look : bool { kNo, kAtArea };

/// A look at the area's start follows in life, which costs a cache miss of its own where the search
/// has not touched the area.
template <Look kLook>
void find(benchmark::State& state, Population& population) {
  // So many that no branch predictor learns them.
  std::vector<VirtAddr> addresses(std::max<std::uint64_t>(population.count(), 1 << 16));
  std::ranges::generate(addresses, [&] { return population.any().start(); });
  std::uint64_t at = 0;
  for (auto _ : state) {
    const Vma* found = population.index().find(addresses[at]);
    at = at + 1 < addresses.size() ? at + 1 : 0;
    at += after(kLook == Look::kAtArea ? found->start().value
                                       : reinterpret_cast<std::uintptr_t>(found));
  }
}

void insert_erase(benchmark::State& state, Population& population) {
  for (auto _ : state) {
    Vma& vma = population.any();
    population.index().erase(vma);
    population.insert(vma);
  }
}

void gap(benchmark::State& state, Population& population) {
  std::uint64_t waited = 0;
  for (auto _ : state) {
    const std::uint64_t pages = 1 + population.random().below(96) + waited;
    const GapRequest request{pages * kPageSize, kBottom, kTop, kGuard};
    waited = after(population.index().find_gap_top_down(request)->value);
  }
}

/// munmap somewhere, mmap in the highest gap that fits.
void churn(benchmark::State& state, Population& population) {
  for (auto _ : state) {
    Vma& vma = population.any();
    population.index().erase(vma);
    const GapRequest request{(1 + population.random().below(24)) * kPageSize, kBottom, kTop,
                             kGuard};
    const VirtAddr start = *population.index().find_gap_top_down(request);
    vma.set_range({start, start + request.size});
    population.insert(vma);
  }
}

void iterate(benchmark::State& state, Population& population) {
  const VmaIndex& index = population.index();
  for (auto _ : state) {
    std::uint64_t sum = 0;
    for (const Vma* vma = index.first(); vma != nullptr; vma = index.next(*vma)) {
      sum += vma->start().value;
    }
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(population.count()) * state.iterations());
  state.counters["bytes"] =
      static_cast<double>(index.bytes()) / static_cast<double>(population.count());
}

using Measure = void (*)(benchmark::State&, Population&);

/// In this order: what changes the layout comes last.
constexpr std::pair<const char*, Measure> kMeasures[] = {
    {"iterate", iterate}, {"find", find<Look::kNo>},      {"find_look", find<Look::kAtArea>},
    {"gap", gap},         {"insert_erase", insert_erase}, {"churn", churn}};

void register_all(std::unique_ptr<Population>& population) {
  for (const std::uint32_t count : {10, 1'000, 100'000, 1'000'000}) {
    for (const VmaIndexKind kind : kVmaIndexKinds) {
      for (const auto& [name, measure] : kMeasures) {
        const std::string title =
            std::string(name) + "/" + std::string(name_of(kind)) + "/" + std::to_string(count);
        benchmark::RegisterBenchmark(title.c_str(),
                                     [&population, kind, count, measure](benchmark::State& state) {
                                       if (population == nullptr || !population->is(kind, count)) {
                                         population.reset();  // before the next takes memory
                                         population = std::make_unique<Population>(kind, count);
                                       }
                                       measure(state, *population);
                                     });
      }
    }
  }
}

}  // namespace
}  // namespace gonzo

int main(int argc, char** argv) {
  std::unique_ptr<gonzo::Population> population;
  gonzo::register_all(population);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
