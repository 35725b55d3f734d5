// The reclaim policies: what their bookkeeping costs, and what they make of three traces.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "reclaim/generated_trace.h"
#include "reclaim/simulate.h"
#include <gonzo/base/check.h>
#include <gonzo/reclaim/opt_policy.h>
#include <gonzo/reclaim/reclaim_policy.h>

namespace gonzo {
namespace {

constexpr std::uint32_t kFrames = 1 << 20;
constexpr std::size_t kBatch = 32;

/// Frame numbers as a machine gives them out after a while: not in a row.
const std::vector<std::uint32_t>& shuffled() {
  static const std::vector<std::uint32_t> frames = [] {
    std::vector<std::uint32_t> order(kFrames);
    std::iota(order.begin(), order.end(), 0U);
    std::uint64_t x = 88172645463325252ULL;
    for (std::uint32_t i = kFrames; i > 1; --i) {
      x ^= x << 13, x ^= x >> 7, x ^= x << 17;
      std::swap(order[i - 1], order[x % i]);
    }
    return order;
  }();
  return frames;
}

std::unique_ptr<ReclaimPolicy> full(std::string_view name) {
  auto policy = make_policy(name, kFrames);
  for (const std::uint32_t frame : shuffled()) policy->added(frame, PageKind::kAnonymous, {});
  return policy;
}

/// Looks at a million pages, of which all were used: isolates, judges, takes back.
void scan(benchmark::State& state, std::string_view name) {
  const auto policy = full(name);
  std::vector<std::uint32_t> batch(kBatch);
  for (auto _ : state) {
    std::uint64_t looked = 0;
    while (looked < kFrames) {
      ScanPass pass = policy->begin({.priority = 1});
      while (looked < kFrames) {
        const std::size_t count = policy->isolate(pass, batch);
        if (count == 0) break;
        looked += count;
        for (std::size_t i = 0; i < count; ++i) {
          if (policy->judge(batch[i], {.entries = 1}) == Verdict::kEvict) {
            policy->kept(batch[i], Kept::kBusy);
          }
        }
      }
    }
  }
  state.SetItemsProcessed(state.iterations() * kFrames);
  state.counters["bytes_a_frame"] = static_cast<double>(policy->bytes()) / kFrames;
}

void added_and_removed(benchmark::State& state, std::string_view name) {
  const auto policy = make_policy(name, kFrames);
  for (auto _ : state) {
    for (const std::uint32_t frame : shuffled()) policy->added(frame, PageKind::kAnonymous, {});
    for (const std::uint32_t frame : shuffled()) policy->removed(frame);
  }
  state.SetItemsProcessed(state.iterations() * kFrames);
}

void accessed(benchmark::State& state, std::string_view name) {
  const auto policy = full(name);
  for (auto _ : state) {
    for (const std::uint32_t frame : shuffled()) policy->accessed(frame);
  }
  state.SetItemsProcessed(state.iterations() * kFrames);
}

/// A page leaves and another comes in its frame, in batches, with all memory full.
void evicted_and_added(benchmark::State& state, std::string_view name) {
  const auto policy = full(name);
  std::vector<std::uint32_t> batch(kBatch);
  std::vector<Shadow> shadows(kFrames);
  for (auto _ : state) {
    const std::size_t count = select_at_any_price(*policy, {.priority = 4}, batch,
                                                  [](std::uint32_t) { return References{}; });
    GONZO_CHECK(count == kBatch);
    for (const std::uint32_t frame : batch) {
      const Shadow returning = shadows[frame];
      shadows[frame] = policy->evicted(frame, Eviction::kWritten);
      policy->added(frame, PageKind::kAnonymous, returning);
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
}

struct Shape {
  const char* name;
  std::uint32_t pages;
  Trace trace;
};

const std::array<Shape, 3>& shapes() {
  constexpr std::uint32_t kPages = 1 << 14;
  constexpr std::size_t kUses = 1 << 20;
  static const std::array<Shape, 3> shapes = {
      Shape{"zipf", kPages, zipf_trace(kPages, kUses, 0.9, 1)},
      Shape{"loop", kPages, loop_trace(kPages, kUses)},
      Shape{"hot_and_scan", kPages,
            hot_and_scan_trace(kPages / 16, kPages - kPages / 16, kUses, 60, 2)}};
  return shapes;
}

/// Misses in percent of uses; "bits": the policy learns of uses as a kernel does.
void misses(benchmark::State& state, std::string_view name, std::size_t shape, unsigned part,
            Seen seen) {
  const Shape& of = shapes()[shape];
  const std::uint32_t frames = of.pages / part;
  SimulationResult result;
  for (auto _ : state) {
    const auto policy =
        name == "opt" ? make_opt_policy(frames, of.trace) : make_policy(name, frames);
    result = simulate(*policy, frames, of.trace, {.seen = seen});
  }
  const auto uses = static_cast<double>(of.trace.size());
  state.counters["miss_percent"] = 100.0 * static_cast<double>(result.misses) / uses;
  state.counters["looks_a_miss"] =
      static_cast<double>(result.looks) / static_cast<double>(result.misses);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(of.trace.size()));
}

void register_all() {
  using Measure = void (*)(benchmark::State&, std::string_view);
  constexpr std::array<std::pair<const char*, Measure>, 4> kMeasures = {
      {{"scan_a_million", scan},
       {"added_removed", added_and_removed},
       {"accessed", accessed},
       {"evicted_added", evicted_and_added}}};
  for (const auto& [title, measure] : kMeasures) {
    for (const std::string_view name : policy_names()) {
      benchmark::RegisterBenchmark(
          (std::string(title) + "/" + std::string(name)).c_str(),
          [measure, name](benchmark::State& state) { measure(state, name); })
          ->Unit(measure == scan ? benchmark::kMillisecond : benchmark::kNanosecond);
    }
  }
  std::vector<std::string_view> names(policy_names().begin(), policy_names().end());
  names.push_back("opt");
  for (std::size_t shape = 0; shape < shapes().size(); ++shape) {
    for (const unsigned part : {2U, 4U, 8U}) {
      for (const Seen seen : {Seen::kEachUse, Seen::kAccessedBits}) {
        for (const std::string_view name : names) {
          const bool bits = seen == Seen::kAccessedBits;
          if (bits && name == "opt") continue;
          const std::string title = std::string("misses/") + shapes()[shape].name + "/1_" +
                                    std::to_string(part) + (bits ? "/bits/" : "/each_use/") +
                                    std::string(name);
          benchmark::RegisterBenchmark(
              title.c_str(),
              [=](benchmark::State& state) { misses(state, name, shape, part, seen); })
              ->Iterations(1)
              ->Unit(benchmark::kMillisecond);
        }
      }
    }
  }
}

}  // namespace
}  // namespace gonzo

int main(int argc, char** argv) {
  gonzo::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
