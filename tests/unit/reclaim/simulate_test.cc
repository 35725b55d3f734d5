// Facts that the literature knows of the policies, by misses on traces.
#include "reclaim/simulate.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "reclaim/generated_trace.h"
#include <gonzo/reclaim/opt_policy.h>

namespace gonzo {
namespace {

std::uint64_t misses(std::string_view name, std::uint32_t frames, const Trace& trace,
                     const SimulationOptions& options = {}) {
  const auto policy = name == "opt" ? make_opt_policy(frames, trace) : make_policy(name, frames);
  const SimulationResult result = simulate(*policy, frames, trace, options);
  EXPECT_EQ(policy->verify(), "");
  const PolicyStats stats = policy->stats();
  EXPECT_EQ(stats.pgsteal.anon, result.evictions);
  EXPECT_LE(stats.nr_active.anon + stats.nr_inactive.anon, frames);
  return result.misses;
}

/// Belady's rule, by search.
std::uint64_t fewest_misses(std::uint32_t frames, const Trace& trace) {
  std::set<std::uint32_t> memory;
  std::uint64_t missed = 0;
  for (auto at = trace.begin(); at != trace.end(); ++at) {
    if (memory.contains(*at)) continue;
    ++missed;
    if (memory.size() == frames) {
      memory.erase(*std::ranges::max_element(
          memory, {}, [&](std::uint32_t page) { return std::find(at, trace.end(), page); }));
    }
    memory.insert(*at);
  }
  return missed;
}

auto any_trace() { return rc::gen::container<Trace>(rc::gen::inRange<std::uint32_t>(0, 30)); }

TEST(Opt, misses_as_little_as_a_search_through_the_future) {
  EXPECT_TRUE(rc::check("fewest misses", [] {
    const auto frames = *rc::gen::inRange<std::uint32_t>(1, 20);
    const Trace trace = *rc::gen::resize(400, any_trace());
    RC_ASSERT(misses("opt", frames, trace) == fewest_misses(frames, trace));
  }));
}

TEST(Opt, never_misses_more_than_any_other) {
  EXPECT_TRUE(rc::check("lower bound", [] {
    const auto frames = *rc::gen::inRange<std::uint32_t>(1, 20);
    const Trace trace = *rc::gen::resize(400, any_trace());
    const std::uint64_t least = misses("opt", frames, trace);
    for (const std::string_view name : policy_names()) {
      RC_ASSERT(misses(name, frames, trace) >= least);
      RC_ASSERT(misses(name, frames, trace, {.seen = Seen::kAccessedBits}) >= least);
    }
  }));
}

/// Mattson, Gecsei, Slutz, Traiger, "Evaluation Techniques for Storage Hierarchies" (1970).
TEST(StackProperty, more_memory_never_hurts_lru_and_opt) {
  EXPECT_TRUE(rc::check("inclusion", [] {
    const Trace trace = *rc::gen::resize(400, any_trace());
    for (const std::string_view name : {"lru", "opt"}) {
      std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
      for (std::uint32_t frames = 1; frames < 32; ++frames) {
        const std::uint64_t now = misses(name, frames, trace);
        RC_ASSERT(now <= last);
        last = now;
      }
    }
  }));
}

/// Belady, Nelson, Shedler, "An Anomaly in Space-Time Characteristics of Certain Programs Running
/// in a Paging Machine" (1969).
TEST(Fifo, shows_beladys_anomaly) {
  const Trace trace = {1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5};
  EXPECT_EQ(misses("fifo", 3, trace), 9U);
  EXPECT_EQ(misses("fifo", 4, trace), 10U);
  EXPECT_EQ(misses("lru", 3, trace), 10U);
  EXPECT_EQ(misses("lru", 4, trace), 8U);
  EXPECT_EQ(misses("opt", 3, trace), 7U);
  EXPECT_EQ(misses("opt", 4, trace), 6U);
}

TEST(Loop, one_page_larger_than_memory_thrashes_only_the_recent) {
  const Trace trace = loop_trace(101, 101 * 50);
  // Linux too: with an empty active list, no refault is soon enough.
  for (const std::string_view name : {"lru", "fifo", "clock", "linux"}) {
    EXPECT_EQ(misses(name, 100, trace), trace.size()) << name;
  }
  EXPECT_LT(misses("opt", 100, trace), trace.size() / 25);
  EXPECT_LT(misses("2q", 100, trace), trace.size() / 2);
}

/// The case that mm/workingset.c was written for.
TEST(Linux, refaults_drive_idle_pages_from_the_active_list) {
  Trace trace = loop_trace(60, 60 * 4);
  for (const std::uint32_t page : loop_trace(90, 90 * 50)) trace.push_back(60 + page);
  EXPECT_LT(misses("linux", 100, trace), 60 + 90 * 10);
}

TEST(Scan, leaves_the_hot_pages_of_scan_resistant_policies_in_memory) {
  const Trace trace = hot_and_scan_trace(60, 2000, 40000, 30, 3);
  const std::uint64_t lru = misses("lru", 100, trace);
  for (const std::string_view name : {"linux", "2q", "arc", "s3fifo", "sieve"}) {
    EXPECT_LT(misses(name, 100, trace), lru * 95 / 100) << name;
  }
}

TEST(EnoughMemory, means_one_miss_a_page) {
  const Trace trace = zipf_trace(100, 2000, 0.7, 4);
  const std::uint64_t pages = std::set(trace.begin(), trace.end()).size();
  for (const std::string_view name : policy_names()) {
    EXPECT_EQ(misses(name, 100, trace), pages) << name;
  }
}

TEST(Batches, cost_little) {
  const Trace trace = zipf_trace(2000, 40000, 0.8, 5);
  for (const std::string_view name : policy_names()) {
    for (const Seen seen : {Seen::kEachUse, Seen::kAccessedBits}) {
      const std::uint64_t one = misses(name, 500, trace, {.seen = seen});
      const std::uint64_t many = misses(name, 500, trace, {.seen = seen, .batch = 32});
      EXPECT_LT(many, one * 115 / 100) << name;
    }
  }
}

TEST(Traces, are_the_same_everywhere) {
  EXPECT_EQ(loop_trace(3, 7), (Trace{0, 1, 2, 0, 1, 2, 0}));
  const Trace zipf = zipf_trace(10, 10000, 1.0, 1);
  EXPECT_EQ(zipf, zipf_trace(10, 10000, 1.0, 1));
  EXPECT_NE(zipf, zipf_trace(10, 10000, 1.0, 2));
  std::map<std::uint32_t, int> uses;
  for (const std::uint32_t page : zipf) ++uses[page];
  std::vector<int> sorted;
  for (const auto& [page, count] : uses) sorted.push_back(count);
  std::ranges::sort(sorted, std::greater());
  ASSERT_EQ(sorted.size(), 10U);
  // The harmonic sum of ten is 2.93: a third of the uses go to the first page, half as many to the
  // second.
  EXPECT_NEAR(sorted[0], 3414, 150);
  EXPECT_NEAR(sorted[1], 1707, 130);
}

}  // namespace
}  // namespace gonzo
